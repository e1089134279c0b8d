"""Whose fault it is that a file was not classified, and what follows from it."""

import asyncio
import itertools
import json
from pathlib import Path

import pytest

from service.api.schemas import ClassifyAnswer
from service.batch.outcome import PATIENCE, OnProgress, Outcome, Refusal, outcome_of, unheard
from service.batch.results_file import open_results
from service.errors import StartupError

from ...support.virtual_time import run_at_once

VIDEO = Path("a.mp4")


def refusal(status: int, retry_after: float | None = None, slug: str = "") -> Refusal:
    return Refusal(f"urn:r3d:problem:{slug}" if slug else "urn:x", "Title", status, "detail", retry_after)


class Answers:
    """Gives one thing after the other; the last again and again. `times` are those of the calls."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.times: list[float] = []

    async def __call__(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        self.times.append(asyncio.get_running_loop().time())
        raise self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def waits(self) -> list[float]:
        """Seconds between the calls."""
        return [round(after - before, 1) for before, after in itertools.pairwise(self.times)]


def outcome_with(classify: Answers) -> Outcome:
    return run_at_once(outcome_of(classify, VIDEO, unheard))


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_the_files_fault_is_final(status: int) -> None:
    classify = Answers(refusal(status))
    found = outcome_with(classify)
    assert isinstance(found, Refusal)
    assert (found.is_passing, len(classify.times)) == (False, 1)


@pytest.mark.parametrize("status", [500, 504])
def test_a_fault_of_ours_is_passing(status: int) -> None:
    found = outcome_with(Answers(refusal(status)))
    assert isinstance(found, Refusal)
    assert found.is_passing


@pytest.mark.parametrize("status", [401, 503, 507])
def test_what_every_file_would_meet_ends_the_run(status: int) -> None:
    with pytest.raises(StartupError, match="detail"):
        outcome_with(Answers(refusal(status)))


def test_a_parameter_that_is_refused_for_one_file_is_for_all() -> None:
    refused = Refusal("urn:r3d:problem:bad-parameter", "Title", 422, "embedding: this model gives none")
    with pytest.raises(StartupError, match="this model gives none"):
        outcome_with(Answers(refused))


def test_passing_trouble_is_waited_out() -> None:
    classify = Answers(refusal(503, 20), refusal(429, 7), refusal(422))
    found = outcome_with(classify)
    assert isinstance(found, Refusal)
    assert (found.status, classify.waits()) == (422, [20, 7])


def test_a_service_that_is_away_for_minutes_loses_no_file() -> None:
    away = [refusal(0, 0, "service-lost") for _ in range(40)]
    classify = Answers(*away, refusal(422, slug="video-too-short"))
    found = outcome_with(classify)
    assert isinstance(found, Refusal)
    assert (found.type, found.is_passing) == ("urn:r3d:problem:video-too-short", False)


@pytest.mark.parametrize(
    ("slug", "status", "passing"),
    [
        ("video-undecodable", 422, False),
        ("decoder-crashed", 422, False),
        ("frames-too-large", 422, False),
        ("unsupported-media", 415, False),
        ("upload-too-large", 413, False),
        ("bad-upload", 400, False),
        ("upload-stalled", 408, True),
        ("queue-full", 429, True),
        ("not-ready", 503, True),
        ("decoder-unavailable", 503, True),
        ("internal", 500, True),
        ("of-a-later-version", 422, True),
    ],
)
def test_the_type_of_a_problem_says_whose_fault_it_is(slug: str, status: int, passing: bool) -> None:
    assert refusal(status, slug=slug).is_passing is passing


def test_a_parameter_that_no_file_could_have_ends_the_run() -> None:
    with pytest.raises(StartupError, match="detail"):
        outcome_with(Answers(refusal(422, slug="bad-parameter")))


def test_trouble_that_does_not_pass_is_left_for_the_next_run() -> None:
    classify = Answers(refusal(503, 600))
    found = outcome_with(classify)
    assert isinstance(found, Refusal)
    assert found.is_passing
    assert set(classify.waits()) == {60}
    assert PATIENCE - 120 < sum(classify.waits()) <= PATIENCE


def test_a_file_that_is_not_there() -> None:
    found = outcome_with(Answers(FileNotFoundError(2, "No such file or directory")))
    assert isinstance(found, Refusal)
    assert (found.title, found.detail, found.is_passing) == ("File cannot be read", "No such file or directory", False)


@pytest.mark.parametrize(("refused", "done"), [(refusal(422), True), (refusal(500), False), (refusal(503, 1), False)])
def test_a_results_file_has_it_tried_again(refused: Refusal, done: bool, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_results(path) as results:
        results.add(VIDEO, refused)
    [line] = map(json.loads, path.read_text().splitlines())
    assert line.get("retry") is (None if done else True)
    assert line["problem"] == {"type": "urn:x", "title": "Title", "status": refused.status, "detail": "detail"}
    with open_results(path) as results:
        assert results.names.add(str(VIDEO)) is not done
