"""What a backend is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from engine_builder.manifest import Frames, Outputs


@dataclass(frozen=True)
class Description:
    """What runs, for `/health`, the log and every result."""

    backend: str
    precision: str
    device: str


class Backend(Protocol):
    """A loaded network. Created, used and closed in one thread."""

    @property
    def description(self) -> Description:
        """What runs."""

    @property
    def max_batch(self) -> int:
        """Largest batch of `infer`, in clips."""

    @property
    def warm_up(self) -> Sequence[int]:
        """Sizes of the batches to run before the first that counts; empty where a first run is as good as any."""

    def infer(self, frames: Frames) -> Outputs:
        """uint8 [n, T, H, W, 3] RGB, n from 1 to `max_batch`, to arrays which the caller then owns."""

    def close(self) -> None:
        """Give back what it holds."""


@runtime_checkable
class PipelinedBackend(Backend, Protocol):
    """A backend that works on several batches at once, so that one's transfer hides behind another's computing."""

    @property
    def depth(self) -> int:
        """Batches that may be started and not finished."""

    def start(self, clips: Sequence[Frames]) -> Any:
        """Begin a batch of 1 to `max_batch` clips, uint8 [T, H, W, 3]; returns at once what `finish` needs."""

    def finish(self, in_flight: Any) -> Outputs:
        """Wait for a batch, the oldest first; the arrays are the caller's then."""


class Sequential:
    """Any backend, one batch at a time, with the pipelined interface."""

    depth = 1

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def start(self, clips: Sequence[Frames]) -> Frames:
        """The batch as one array."""
        return clips[0][None] if len(clips) == 1 else np.stack(clips)

    def finish(self, in_flight: Frames) -> Outputs:
        """Compute it now."""
        return self._backend.infer(in_flight)


BackendFactory = Callable[[], Backend]
