"""Any backend whose `infer` leaves the processor free: the next batch is put together while one is computed."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine_builder.manifest import Frames, Outputs

from .protocol import Backend, Description


class FixedSizes(Backend, Protocol):
    """A backend that computes batches of some sizes only, and knows from which memory it does so best."""

    def size_for(self, clips: int) -> int:
        """The size of the batch in which it computes so many clips."""

    def buffer(self, clip_shape: tuple[int, ...]) -> Frames:
        """Memory for the largest batch, uint8 [max_batch, T, H, W, 3], to be used until `close`."""


@dataclass(frozen=True)
class _InFlight:
    buffer: Frames
    clips: int
    outputs: "Future[Outputs]"


class DoubleBuffered:
    """A pipelined backend over a plain one, which it owns and runs in a thread of its own."""

    depth = 2

    def __init__(self, backend: FixedSizes, clip_shape: tuple[int, ...]) -> None:
        """`clip_shape`: [T, H, W, 3]."""
        self.description: Description = backend.description
        self.max_batch = backend.max_batch
        self.warm_up = backend.warm_up
        self._backend = backend
        # Used again and again: fresh memory of this size costs more than the copy.
        self._free = deque(backend.buffer(clip_shape) for _ in range(self.depth))
        self._thread = ThreadPoolExecutor(1, "infer-buffered")

    def start(self, clips: Sequence[Frames]) -> _InFlight:
        """See `PipelinedBackend.start`."""
        buffer = self._free.popleft()
        for row, clip in zip(buffer, clips, strict=False):
            row[...] = clip
        # The rows beyond the clips are what was there before: nobody looks at what comes out of them.
        size = self._backend.size_for(len(clips))
        return _InFlight(buffer, len(clips), self._thread.submit(self._backend.infer, buffer[:size]))

    def finish(self, in_flight: _InFlight) -> Outputs:
        """See `PipelinedBackend.finish`."""
        try:
            return in_flight.outputs.result().of(np.arange(in_flight.clips))
        finally:
            self._free.append(in_flight.buffer)

    def infer(self, frames: Frames) -> Outputs:
        """See `Backend.infer`."""
        return self.finish(self.start(list(frames)))

    def close(self) -> None:
        """Wait for what runs, then close the backend."""
        self._thread.shutdown()
        self._backend.close()
