"""One video from file to verdict: the only file that knows the order of the steps."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine_builder.manifest import Clip, Manifest

from . import messages
from .batcher import Batcher
from .clip_queue import Outcome
from .decoder import Decoder
from .decoding import Decoding, Frames
from .errors import VideoTooShortError
from .settings import Settings
from .vote import Probabilities, Tally, Verdict

# Clips of one request that may be in the queue: enough to keep a device busy, too few to hold others up.
WINDOW = 4


@dataclass(frozen=True)
class ClipResult:
    """A clip's place in the video, and what the network made of it."""

    clip: messages.Clip
    outcome: Outcome

    @property
    def probabilities(self) -> Probabilities:
        """float32 [classes]."""
        return self.outcome.probabilities


@dataclass
class Classification:
    """Everything known of a video once it is through. Times are seconds of `time.monotonic`."""

    verdict: Verdict
    clips: list[ClipResult]
    opened: messages.Opened
    ended: messages.Ended
    started: float
    decoded: float
    finished: float

    @property
    def queue_seconds(self) -> float:
        """Time the clips waited for the network, summed."""
        return sum(result.outcome.queued_seconds for result in self.clips)

    @property
    def inference_seconds(self) -> float:
        """The clips' shares of their batches' time, summed."""
        return sum(result.outcome.inference_seconds for result in self.clips)

    @property
    def total_seconds(self) -> float:
        """From the file to the verdict."""
        return self.finished - self.started


@dataclass(eq=False)
class _Run:
    """What one video's decoding hands to its voting."""

    window: asyncio.Semaphore
    pending: "asyncio.Queue[tuple[messages.Clip, Future[Outcome]] | None]" = field(default_factory=asyncio.Queue)
    opened: messages.Opened | None = None
    ended: messages.Ended | None = None
    decoded: float = 0.0


class Pipeline:
    """Decoder, batcher and vote for one model."""

    def __init__(self, settings: Settings, manifest: Manifest, decoder: Decoder, batcher: Batcher) -> None:
        self._settings = settings
        self._manifest = manifest
        self._decoder = decoder
        self._batcher = batcher
        self._network_bound = False
        self._active = 0

    async def classify(
        self, path: Path, frame_rate: float | None = None, on_clip: Callable[[ClipResult], None] | None = None
    ) -> Classification:
        """Classify the video at `path`; `on_clip` hears of each clip, in order, as soon as it is known.

        Cancelling it kills the decoder and drops the clips still queued. Raises ServiceError.
        """
        self._active += 1
        try:
            return await self._classify(path, frame_rate, on_clip)
        finally:
            self._active -= 1

    async def _classify(
        self, path: Path, frame_rate: float | None, on_clip: Callable[[ClipResult], None] | None
    ) -> Classification:
        started = time.monotonic()
        run = _Run(asyncio.Semaphore(self._window()))
        job = job_of(path, self._manifest.clip, self._settings, frame_rate)
        async with self._decoder.open(job, spare_cpus=not self._network_bound) as decoding:
            feeding = asyncio.create_task(self._feed(decoding, run))
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
        if run.opened is None or run.ended is None or not clips:
            raise VideoTooShortError("no whole clip was decoded")
        finished = time.monotonic()
        done = Classification(tally.verdict(), clips, run.opened, run.ended, started, run.decoded, finished)
        self._network_bound = done.inference_seconds / self._batcher.workers > done.ended.busy_seconds
        return done

    def _window(self) -> int:
        """Clips that a video may have in the queue: a lone one enough for every worker and the one behind it."""
        return max(WINDOW, self._batcher.workers + 2) if self._active == 1 else WINDOW

    async def _feed(self, decoding: Decoding, run: _Run) -> None:
        """Put the child's clips into the batcher's queue, a few at a time."""
        try:
            await run.window.acquire()
            async for message, frames in decoding.messages():
                if isinstance(message, messages.Opened):
                    run.opened = message
                elif isinstance(message, messages.Ended):
                    run.ended, run.decoded = message, time.monotonic()
                elif frames is not None:
                    run.pending.put_nowait((message, self._submit(message, frames, run)))
                    # Here, before the next is taken: a video that waits for the network takes no turn at decoding.
                    await run.window.acquire()
        finally:
            run.pending.put_nowait(None)

    def _submit(self, clip: messages.Clip, frames: Frames, run: _Run) -> "Future[Outcome]":
        return self._batcher.submit(frames, run, first=clip.index == 0)

    @staticmethod
    async def _results(run: _Run) -> AsyncIterator[ClipResult]:
        while (item := await run.pending.get()) is not None:
            clip, future = item
            outcome = await asyncio.wrap_future(future)
            run.window.release()
            yield ClipResult(clip, outcome)


def job_of(path: Path, clip: Clip, settings: Settings, frame_rate: float | None = None) -> messages.Job:
    """What a decode child is asked for; `frame_rate` in place of the model's."""
    return messages.Job(
        path=str(path),
        frames=clip.frames,
        height=clip.height,
        width=clip.width,
        resize_height=clip.resize_height,
        resize_width=clip.resize_width,
        top=clip.top,
        left=clip.left,
        frame_rate=frame_rate or clip.frame_rate,
        max_frames=settings.max_frames,
        max_frame_pixels=settings.max_frame_pixels,
        memory_bytes=settings.decode_memory_bytes,
        seconds=settings.request_timeout_seconds,
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
