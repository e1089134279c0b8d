"""One run of a command over many files."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Generic, Self

from rich.console import Console

from ..api.schemas import ClassifyAnswer
from ..batch.inputs import STANDARD_INPUT, look_at
from ..batch.many import Here, classify_all
from ..batch.names import Names
from ..batch.outcome import Answer, FileClassifier, FileWorker, OnProgress, Refusal
from .progress import RunProgress

# Complaints of so many seconds are printed together: to draw the bars anew takes longer than to read of a hundred files
# that are gone.
TOGETHER_SECONDS = 0.1

Opening = AbstractAsyncContextManager[FileClassifier]


class Complaints:
    """What is said of files that failed. Use it in an event loop, for the length of a block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[str] = []
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._print()

    def add(self, line: str) -> None:
        """Say it, soon."""
        if not self._lines:
            self._loop.call_later(TOGETHER_SECONDS, self._print)
        self._lines.append(line)

    def _print(self) -> None:
        if self._lines:
            text = "\n".join(self._lines)
            self._lines.clear()
            self._console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Run(Generic[Answer]):
    """Files, and where is told what becomes of them. `names` are those that were done before."""

    inputs: Iterable[Path]
    names: Names
    report: Callable[[Path, Answer | Refusal], None]
    progress: RunProgress
    errors: Console

    def over(self, opening: AbstractAsyncContextManager[FileWorker[Answer]], jobs: int) -> bool:
        """Whether every file was worked on, `jobs` at a time. Raises StartupError when none can be, or no more."""
        with self.progress:
            return asyncio.run(self._over(opening, jobs))

    async def _over(self, opening: AbstractAsyncContextManager[FileWorker[Answer]], jobs: int) -> bool:
        async with opening as worker:
            with Complaints(self.errors) as complaints:
                here = Here(worker, jobs, self.progress.watch, look_at)
                return not await classify_all(self._left(), here, partial(self._tell, complaints))

    def _left(self) -> Iterator[Path]:
        for video in self.inputs:
            if self.names.add(str(video)):
                yield video
            else:
                self.progress.leave_out()

    def _tell(self, complaints: Complaints, video: Path, outcome: Answer | Refusal) -> None:
        if isinstance(outcome, Refusal):
            complaints.add(f"{video}: {outcome.detail}")
        self.report(video, outcome)
        self.progress.advance()


@contextmanager
def kept_standard_input() -> Iterator[Path]:
    """A file that holds all of standard input: a video is read by another process, and not only forwards."""
    with tempfile.NamedTemporaryFile(prefix="r3d-stdin-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


@asynccontextmanager
async def with_standard_input(opening: Opening, kept: Path) -> AsyncIterator[FileClassifier]:
    """The same, but `-` is what was kept."""
    async with opening as classifier:

        async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
            return await classifier(kept if video == STANDARD_INPUT else video, on_progress)

        yield classify
