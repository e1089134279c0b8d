"""One video from file to verdict: the only file that knows the order of the steps."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine_builder.manifest import ClipFormat, Manifest, Sampling

from ..decoding.clip_stream import ClipStream
from ..decoding.decoder import Decoder
from ..decoding.messages import ClipSpan, Job
from ..errors import VideoTooShortError
from ..inference.batcher import Batcher
from ..inference.clip_queue import Outcome
from ..settings import Settings
from . import scheduling
from .query import Query
from .results import Classification, ClipResult
from .vote import Tally

OnClip = Callable[[ClipResult], None]


@dataclass(eq=False)
class _Run:
    """What one video's decoding hands to its voting."""

    window: asyncio.Semaphore
    pending: "asyncio.Queue[tuple[ClipSpan, Future[Outcome]] | None]" = field(default_factory=asyncio.Queue)
    decoded: float = 0.0


class Pipeline:
    """Decoder, batcher and vote for one model. Use it in the decoder's event loop."""

    def __init__(self, settings: Settings, manifest: Manifest, decoder: Decoder, batcher: Batcher) -> None:
        self._settings = settings
        self._manifest = manifest
        self._decoder = decoder
        self._batcher = batcher
        self._network_bound = False
        self._active = 0

    async def classify(self, path: Path, query: Query | None = None, on_clip: OnClip | None = None) -> Classification:
        """Classify the video at `path`; `on_clip` is called with each clip, in order, as soon as it is known.

        Cancelling it kills the decoder and drops the clips still queued. Raises ServiceError.
        """
        self._active += 1
        try:
            return await self._classify(path, query or Query(), on_clip)
        finally:
            self._active -= 1

    async def _classify(self, path: Path, query: Query, on_clip: OnClip | None) -> Classification:
        started = time.monotonic()
        run = _Run(asyncio.Semaphore(scheduling.window(self._active, self._batcher.workers)))
        sampling = query.over(self._manifest.sampling)
        job = job_of(path, self._manifest.clip, self._settings, sampling, self._decode_threads())
        job = job.model_copy(update={"start": query.start or 0.0, "end": query.end})
        async with self._decoder.open(job) as stream:
            feeding = asyncio.create_task(self._feed(stream, run))
            try:
                tally, clips = Tally.over(len(self._manifest.labels)), []
                async for result in self._results(run):
                    tally.add(result.probabilities)
                    clips.append(result)
                    if on_clip is not None:
                        on_clip(result)
                await feeding
            finally:
                await _stop(feeding, run)
        if stream.opened is None or stream.ended is None or not clips:
            raise VideoTooShortError("no whole clip was decoded")
        finished, verdict = time.monotonic(), tally.verdict(sampling.aggregate)
        times = (started, run.decoded, finished, job.start, job.end)
        done = Classification(verdict, sampling, clips, stream.opened, stream.ended, *times)
        self._network_bound = scheduling.is_network_bound(
            done.inference_seconds, self._batcher.workers, done.ended.busy_seconds
        )
        return done

    def _decode_threads(self) -> int:
        slots, others = self._settings.decode_workers, self.open_videos
        return scheduling.decode_threads(slots, others, self._network_bound)

    @property
    def open_videos(self) -> int:
        """Videos that have a process of their own."""
        return self._decoder.open_videos

    async def _feed(self, stream: ClipStream, run: _Run) -> None:
        """Put the video's clips into the batcher's queue, a few at a time."""
        try:
            await run.window.acquire()
            async for span, frames in stream.clips():
                future = self._batcher.submit(frames, run, scheduling.goes_ahead(span.index))
                run.pending.put_nowait((span, future))
                # Here, before the next is asked for: a video that waits for the network takes no decode slot.
                await run.window.acquire()
            run.decoded = time.monotonic()
        finally:
            run.pending.put_nowait(None)

    @staticmethod
    async def _results(run: _Run) -> AsyncIterator[ClipResult]:
        while (item := await run.pending.get()) is not None:
            span, future = item
            outcome = await asyncio.wrap_future(future)
            run.window.release()
            yield ClipResult(span, outcome)


def job_of(path: Path, clip: ClipFormat, settings: Settings, sampling: Sampling | None = None, threads: int = 1) -> Job:
    """What a decode child is asked for; by default all whole clips of the video's own frames."""
    sampling = sampling or Sampling()
    return Job(
        path=str(path),
        frames=clip.frames,
        height=clip.height,
        width=clip.width,
        resize_height=clip.resize_height,
        resize_width=clip.resize_width,
        top=clip.top,
        left=clip.left,
        frame_rate=sampling.frame_rate,
        stride=sampling.stride_of(clip.frames),
        clips=sampling.clips,
        pad=sampling.tail == "pad",
        max_frames=settings.max_frames,
        max_frame_pixels=settings.max_frame_pixels,
        memory_bytes=settings.decode_memory_bytes,
        seconds=settings.request_timeout_seconds,
        threads=threads,
    )


async def _stop(feeding: "asyncio.Task[None]", run: _Run) -> None:
    """End the feeding if it goes on, and drop what it queued."""
    feeding.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await feeding
    while not run.pending.empty():
        item = run.pending.get_nowait()
        if item is not None:
            item[1].cancel()
