"""The loop over many files, whoever works on them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractContextManager, aclosing, nullcontext
from pathlib import Path
from typing import Generic, Protocol

from .outcome import Answer, AnswerGiven, FileWorker, OnProgress, Refusal, outcome_of, unheard
from .read_ahead import ReadAhead

Watch = Callable[[Path], AbstractContextManager[OnProgress]]


class Executor(Protocol[AnswerGiven]):
    """Works on files, in any order."""

    def outcomes(self, videos: Iterable[Path]) -> AsyncGenerator[tuple[Path, AnswerGiven | Refusal]]:
        """Each file with what became of it. Raises StartupError when the fault is not a file's."""


async def classify_all(
    videos: Iterable[Path], executor: Executor[Answer], report: Callable[[Path, Answer | Refusal], None]
) -> int:
    """Have every file classified and told to `report`; how many were not.

    Raises StartupError when the fault is not a file's; what is through by then is reported.
    """
    failed = 0
    async with aclosing(executor.outcomes(videos)) as outcomes:
        async for video, outcome in outcomes:
            report(video, outcome)
            failed += isinstance(outcome, Refusal)
    return failed


Look = Callable[[Path], None]


def _unseen(_: Path) -> None:
    """A `Look` that does not."""


def _unwatched(_: Path) -> AbstractContextManager[OnProgress]:
    return nullcontext(unheard)


class Here(Generic[Answer]):
    """A few files at a time, in this event loop."""

    def __init__(
        self, classify: FileWorker[Answer], jobs: int, watch: Watch = _unwatched, look: Look = _unseen
    ) -> None:
        """`watch` is entered for each file that is worked on, and gives what is called with the file's progress.

        `look` is called with each name in the thread that reads them; a file for which it raises OSError is refused.
        """
        self._classify = classify
        self._jobs = jobs
        self._watch = watch
        self._look = look

    async def outcomes(self, videos: Iterable[Path]) -> AsyncGenerator[tuple[Path, Answer | Refusal]]:
        """See `Executor`. Names are read in a thread, only a few ahead, and may come slowly."""
        through: asyncio.Queue[tuple[Path, Answer | Refusal] | None] = asyncio.Queue()
        with ReadAhead((video, self._refused(video)) for video in videos) as names:
            workers = [asyncio.create_task(self._work(names, through)) for _ in range(self._jobs)]
            working = asyncio.gather(*workers)
            working.add_done_callback(lambda _: through.put_nowait(None))
            try:
                while (found := await through.get()) is not None:
                    yield found
                await working  # an error ends it all; what is through has been told
            finally:
                for each in workers:
                    each.cancel()
                await asyncio.gather(working, *workers, return_exceptions=True)

    def _refused(self, video: Path) -> Refusal | None:
        try:
            self._look(video)
        except OSError as error:
            return Refusal.unreadable(error)
        return None

    async def _work(
        self,
        names: ReadAhead[tuple[Path, Refusal | None]],
        through: "asyncio.Queue[tuple[Path, Answer | Refusal] | None]",
    ) -> None:
        while (named := await names.next()) is not None:
            video, refused = named
            outcome: Answer | Refusal | None = refused
            if outcome is None:
                with self._watch(video) as on_progress:
                    outcome = await outcome_of(self._classify, video, on_progress)
            through.put_nowait((video, outcome))
