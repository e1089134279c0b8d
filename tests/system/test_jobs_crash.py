"""Sixty jobs while servers are killed: `jobs_crash` has more, and takes its time."""

from pathlib import Path

from .jobs_crash import trial


def test_servers_that_are_killed_lose_no_job_and_do_none_twice(
    model_directory: Path, jobs_url: str, tmp_path: Path
) -> None:
    url = jobs_url if jobs_url.startswith("postgresql") else None
    figures = trial(60, 2.0, tmp_path, ("--model", str(model_directory)), url)
    assert figures["complaints"] == [], figures
    assert (figures["statuses"], figures["kills"] > 0) == ({"succeeded": 60}, True)
