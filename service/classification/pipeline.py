"""One video from file to verdict: the only file that knows the order of the steps."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine_builder.manifest import Frames, Manifest, Sampling

from ..decoding.clip_stream import ClipStream, OnProgress
from ..decoding.decoder import Decoder
from ..decoding.messages import ClipSpan
from ..errors import VideoTooShortError
from ..inference.batcher import Batcher
from ..inference.clip_queue import Outcome
from ..settings import Settings
from . import scheduling
from .courtesy import Courtesy
from .decode_job import job_of
from .query import INTERACTIVE, Query, Terms
from .results import Classification, ClipResult, Counting
from .vote import Tally

OnClip = Callable[[ClipResult], None]


@dataclass(eq=False)
class _Run:
    """What one video's decoding hands to its voting."""

    window: asyncio.Semaphore
    several: bool = False  # samplings, which may ask for the same clip
    embedding: bool = False  # whether to keep each clip's
    background: bool = False
    pending: "asyncio.Queue[tuple[ClipSpan, Future[Outcome], float | None] | None]" = field(
        default_factory=asyncio.Queue
    )
    decoded: float = 0.0
    decode_seconds: float = 0.0  # of its last clip
    known: "dict[bytes, Future[Outcome]]" = field(default_factory=dict)  # by what the frames are


class Pipeline:
    """Decoder, batcher and vote for one model. Use it in the decoder's event loop."""

    def __init__(self, settings: Settings, manifest: Manifest, decoder: Decoder, batcher: Batcher) -> None:
        self._settings = settings
        self._manifest = manifest
        self._decoder = decoder
        self._batcher = batcher
        self._runs: set[_Run] = set()
        self._courtesy = Courtesy()

    async def classify(
        self,
        path: Path,
        query: Query | None = None,
        on_clip: OnClip | None = None,
        on_progress: OnProgress | None = None,
        terms: Terms = INTERACTIVE,
    ) -> Classification:
        """Classify the video at `path`; `on_clip` is called with each clip, in order, as soon as it is known.

        `on_progress` is called, where no clip comes for long, with how much of the video is decoded.

        Cancelling it kills the decoder and drops the clips still queued. Raises ServiceError.
        """
        query = query or Query()
        samplings = [query.over(self._manifest.sampling)]
        [done] = await self._classify(path, samplings, query, on_clip, on_progress, terms)
        return done

    async def classify_each(
        self, path: Path, samplings: Sequence[Sampling], on_clip: OnClip | None = None
    ) -> list[Classification]:
        """Classify the video at `path` by each of the samplings, decoding it once; otherwise as `classify`.

        A clip that has the same frames in several goes through the network once. Each sampling must find a clip.
        """
        return await self._classify(path, samplings, Query(), on_clip, None, INTERACTIVE)

    async def _classify(
        self,
        path: Path,
        samplings: Sequence[Sampling],
        query: Query,
        on_clip: OnClip | None,
        on_progress: OnProgress | None,
        terms: Terms,
    ) -> list[Classification]:
        query.check(self._manifest)
        window = asyncio.Semaphore(scheduling.window(len(self._runs) + 1, self._batcher.workers))
        run = _Run(window, len(samplings) > 1, query.embedding, terms.background)
        with self._one_more(run), nullcontext() if terms.background else self._courtesy.waited_for():
            started = time.monotonic()
            threads = scheduling.decode_threads(self._settings.decode_workers, self._decoder.open_videos)
            job = job_of(path, self._manifest.clip, self._settings, samplings, threads)
            seconds = terms.seconds or job.seconds
            job = job.model_copy(update={"start": query.start or 0.0, "end": query.end, "seconds": seconds})
            parts = [Counting(sampling, Tally.over(len(self._manifest.labels))) for sampling in samplings]
            async with self._decoder.open(job, on_progress, terms.background) as stream:
                await self._collect(stream, run, parts, on_clip)
        if stream.opened is None or stream.ended is None or not all(part.clips for part in parts):
            raise VideoTooShortError("no whole clip was decoded")
        known = (stream.opened, stream.ended, started, run.decoded, time.monotonic(), job.start, job.end)
        return [Classification(part.verdict, part.sampling, part.clips, *known) for part in parts]

    @contextmanager
    def _one_more(self, run: _Run) -> Iterator[None]:
        """A video more in progress, as long as the block lasts."""
        self._runs.add(run)
        try:
            yield
        finally:
            self._runs.remove(run)

    async def _collect(self, stream: ClipStream, run: _Run, parts: Sequence[Counting], on_clip: OnClip | None) -> None:
        """Have the video decoded, and its clips counted by the sampling they are of."""
        feeding = asyncio.create_task(self._feed(stream, run))
        try:
            async for result in self._results(run):
                parts[result.span.sampling].add(result)
                if on_clip is not None:
                    on_clip(result)
            await feeding
        finally:
            await _stop(feeding, run)

    @property
    def demand(self) -> tuple[int, int]:
        """Videos that somebody waits for: that decode or want to, and that can only wait for the network."""
        runs = [run for run in self._runs if not run.background]
        waiting = sum(run.window.locked() or run.decoded > 0 for run in runs)
        return len(runs) - waiting, waiting

    async def _feed(self, stream: ClipStream, run: _Run) -> None:
        """Put the video's clips into the batcher's queue, a few at a time."""
        try:
            await self._may_ask(run)
            async for span, frames in stream.clips():
                run.pending.put_nowait((span, self._submit(run, span, frames), stream.progress))
                run.decode_seconds = stream.clip_seconds
                # Here, before the next is asked for: a video that waits for the network takes no decode slot.
                await self._may_ask(run)
            run.decoded = time.monotonic()
        finally:
            run.pending.put_nowait(None)

    async def _may_ask(self, run: _Run) -> None:
        await run.window.acquire()
        if run.background:
            await self._courtesy.turn()

    def _submit(self, run: _Run, span: ClipSpan, frames: Frames) -> "Future[Outcome]":
        ahead = scheduling.goes_ahead(span.index)
        if not run.several:
            return self._batcher.submit(frames, run, ahead, run.background)
        key = hashlib.sha256(frames.data).digest()
        if key not in run.known:
            run.known[key] = self._batcher.submit(frames, run, ahead)
        return run.known[key]

    async def _results(self, run: _Run) -> AsyncIterator[ClipResult]:
        while (item := await run.pending.get()) is not None:
            span, future, progress = item
            outcome = await asyncio.wrap_future(future)
            if run.background:
                self._courtesy.spent(run.decode_seconds + outcome.inference_seconds)
            run.window.release()
            yield ClipResult(span, outcome.apart(run.embedding), progress)


async def _stop(feeding: "asyncio.Task[None]", run: _Run) -> None:
    """End the feeding if it goes on, and drop what it queued."""
    feeding.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await feeding
    while not run.pending.empty():
        item = run.pending.get_nowait()
        if item is not None:
            item[1].cancel()
