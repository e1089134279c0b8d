"""The loop over many files."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.schemas import ClassifyAnswer
from service.batch.inputs import look_at
from service.batch.many import Here, classify_all
from service.batch.outcome import OnProgress, Outcome, Refusal
from service.batch.read_ahead import AHEAD
from service.errors import StartupError

SECONDS = 20.0


async def refuse(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
    raise Refusal("urn:x", "Title", 422, "detail")


def test_every_file_is_told_once_by_several_at_a_time() -> None:
    told: list[Path] = []
    running = most = 0

    async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return await refuse(video, on_progress)

    videos = [Path(str(number)) for number in range(500)]
    failed = asyncio.run(classify_all(videos, Here(classify, 3), lambda video, _: told.append(video)))
    assert (failed, sorted(told), most) == (500, sorted(videos), 3)


def test_a_slow_list_holds_up_nothing_and_is_not_read_far_ahead() -> None:
    told, go = threading.Event(), threading.Event()
    given: list[int] = []

    def slowly() -> Iterator[Path]:
        yield Path("first")
        assert told.wait(SECONDS), "the first was not told while the second was waited for"
        for number in range(AHEAD * 10):
            given.append(number)
            yield Path(str(number))

    async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        if video == Path("5"):
            assert len(given) <= AHEAD + 8
            go.set()
        return await refuse(video, on_progress)

    def tell(video: Path, outcome: Outcome) -> None:
        told.set()

    assert asyncio.run(classify_all(slowly(), Here(classify, 1), tell)) == AHEAD * 10 + 1
    assert go.is_set()


def test_what_is_through_is_told_before_an_error_ends_it_all() -> None:
    told: list[str] = []

    async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        if video == Path("3"):
            raise StartupError("the service is gone")
        return await refuse(video, on_progress)

    videos = (Path(str(number)) for number in range(1000))
    with pytest.raises(StartupError, match="gone"):
        asyncio.run(classify_all(videos, Here(classify, 1), lambda video, _: told.append(str(video))))
    assert told == ["0", "1", "2"]


def test_a_list_that_cannot_be_read_ends_it_with_its_reason() -> None:
    def broken() -> Iterator[Path]:
        yield Path("a")
        raise OSError(5, "Input/output error")

    told: list[Path] = []
    with pytest.raises(OSError, match="Input/output error"):
        asyncio.run(classify_all(broken(), Here(refuse, 4), lambda video, _: told.append(video)))
    assert told == [Path("a")]


def test_a_file_that_is_gone_is_refused_before_anyone_works_on_it(tmp_path: Path) -> None:
    there, gone = tmp_path / "there", [tmp_path / str(number) for number in range(AHEAD * 3)]
    there.touch()
    told: dict[Path, Outcome] = {}
    worked_on: list[Path] = []

    async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        worked_on.append(video)
        return await refuse(video, on_progress)

    asyncio.run(classify_all([*gone, there], Here(classify, 2, look=look_at), told.__setitem__))
    assert worked_on == [there]
    assert {path for path, outcome in told.items() if isinstance(outcome, Refusal) and outcome.status == 0} == {*gone}
    assert len(told) == len(gone) + 1
