"""What a run over many files prints."""

import asyncio
import io
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from service.api.schemas import ClassifyAnswer
from service.batch.names import Names
from service.batch.outcome import OnProgress, Outcome, Refusal
from service.commands.progress import RunProgress
from service.commands.run import Complaints, Run

COUNT = 1000


class Counted(io.StringIO):
    """Counts what is sent at a time."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def test_complaints_are_printed_together_and_none_is_lost() -> None:
    file = Counted()

    async def complain() -> None:
        with Complaints(Console(file=file)) as complaints:
            for number in range(COUNT):
                complaints.add(f"{number}: bad")

    asyncio.run(complain())
    assert file.getvalue().splitlines() == [f"{number}: bad" for number in range(COUNT)]
    assert file.flushes < COUNT / 10


def test_a_complaint_is_not_held_back_until_the_next() -> None:
    file = io.StringIO()

    async def complain() -> None:
        with Complaints(Console(file=file)) as complaints:
            complaints.add("bad")
            while not file.getvalue():
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(complain(), 20))


def test_files_that_are_gone_are_told_of_and_reported(tmp_path: Path) -> None:
    file = io.StringIO()
    told: dict[Path, Outcome] = {}
    gone = [tmp_path / str(number) for number in range(COUNT)]

    async def nobody(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        raise AssertionError("it is gone")

    console = Console(file=file)
    with Names() as names:
        run = Run(gone, names, told.__setitem__, RunProgress(COUNT, console), console)
        assert run.over(nullcontext(nobody), 4) is False
    assert list(told) == gone
    assert all(isinstance(each, Refusal) for each in told.values())
    assert file.getvalue().splitlines() == [f"{path}: No such file or directory" for path in gone]
