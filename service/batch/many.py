"""The loop over many files, whoever works on them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractContextManager, aclosing, nullcontext
from itertools import islice
from pathlib import Path
from typing import Generic, Protocol

from .outcome import Answer, AnswerGiven, FileWorker, OnProgress, Refusal, outcome_of

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


def _unwatched(_: Path) -> AbstractContextManager[OnProgress]:
    return nullcontext(lambda _: None)


class Here(Generic[Answer]):
    """A few files at a time, in this event loop."""

    def __init__(self, classify: FileWorker[Answer], jobs: int, watch: Watch = _unwatched) -> None:
        """`watch` is entered for each file, and gives what is called with the file's progress."""
        self._classify = classify
        self._jobs = jobs
        self._watch = watch

    async def outcomes(self, videos: Iterable[Path]) -> AsyncGenerator[tuple[Path, Answer | Refusal]]:
        """See `Executor`."""
        waiting = iter(videos)
        running: dict[asyncio.Task[Answer | Refusal], Path] = {}
        try:
            while True:
                for video in islice(waiting, self._jobs - len(running)):
                    running[asyncio.create_task(self._one(video))] = video
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                # What is through is told before an error ends it all.
                for task in sorted(done, key=lambda task: task.exception() is not None):
                    yield running.pop(task), task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, video: Path) -> Answer | Refusal:
        with self._watch(video) as on_progress:
            return await outcome_of(self._classify, video, on_progress)
