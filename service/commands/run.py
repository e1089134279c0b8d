"""One run of a command over many files."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from rich.console import Console

from ..api.schemas import ClassifyAnswer
from ..batch.inputs import STANDARD_INPUT
from ..batch.many import Here, classify_all
from ..batch.names import Names
from ..batch.outcome import Answer, FileClassifier, FileWorker, OnProgress, Refusal
from .progress import RunProgress

SOME_FAILED = 1
BAD_USAGE = 2
CANNOT_START = 3

Opening = AbstractAsyncContextManager[FileClassifier]


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
            return not await classify_all(self._left(), Here(worker, jobs, self.progress.watch), self._tell)

    def _left(self) -> Iterator[Path]:
        for video in self.inputs:
            if self.names.add(str(video)):
                yield video
            else:
                self.progress.leave_out()

    def _tell(self, video: Path, outcome: Answer | Refusal) -> None:
        if isinstance(outcome, Refusal):
            self.errors.print(f"{video}: {outcome.detail}", style="red", markup=False, highlight=False, soft_wrap=True)
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
