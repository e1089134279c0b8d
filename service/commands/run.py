"""One run of `r3d-classify` over its files."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..api.schemas import ClassifyAnswer
from ..batch.inputs import STANDARD_INPUT, Inputs
from ..batch.many import Here, classify_all
from ..batch.names import Names
from ..batch.outcome import FileClassifier, OnProgress, Outcome, Refusal
from .outputs import Report
from .progress import RunProgress

Opening = AbstractAsyncContextManager[FileClassifier]


@dataclass(frozen=True)
class Run:
    """Files, and where is told what becomes of them. `names` are those that were done before."""

    inputs: Inputs
    names: Names
    report: Report
    progress: RunProgress
    errors: Console

    def over(self, opening: Opening, jobs: int) -> bool:
        """Whether every file was classified, `jobs` at a time. Raises StartupError when none can be, or no more."""
        with self.progress:
            return asyncio.run(self._over(opening, jobs))

    async def _over(self, opening: Opening, jobs: int) -> bool:
        async with opening as classifier:
            return not await classify_all(self._left(), Here(classifier, jobs, self.progress.watch), self._tell)

    def _left(self) -> Iterator[Path]:
        for video in self.inputs:
            if self.names.add(str(video)):
                yield video
            else:
                self.progress.leave_out()

    def _tell(self, video: Path, outcome: Outcome) -> None:
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
