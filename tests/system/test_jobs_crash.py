"""A few hundred jobs while servers are killed: `jobs_crash` has more, and takes its time."""

from pathlib import Path

import pytest

from .jobs_crash import trial

# Servers must live for longer than it takes to find that another is lost, or jobs run out of tries, as they should.
JOBS, KILL_SECONDS = 240, 5.0


@pytest.mark.timeout(300)
def test_servers_that_are_killed_lose_no_job_and_do_none_twice(
    model_directory: Path, jobs_url: str, tmp_path: Path
) -> None:
    url = jobs_url if jobs_url.startswith("postgresql") else None
    figures = trial(JOBS, KILL_SECONDS, tmp_path, ("--model", str(model_directory)), url)
    assert figures["complaints"] == [], figures
    assert (figures["statuses"], figures["kills"] > 0) == ({"succeeded": JOBS}, True)
