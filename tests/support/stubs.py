"""Small real backends for tests that are not about the network itself, and a gate to hold their batches."""

import threading
from collections.abc import Callable

import numpy as np

from engine_builder.manifest import Frames, Outputs
from service.inference.backends.protocol import Backend, BackendFactory, Description
from service.inference.batcher import Batcher

SECONDS = 20.0
CLASSES = 9
FEATURES = 64  # as many as the bundled model has
SHAPE = (2, 4, 4, 3)  # of clips where their size does not matter


def clip_of(label: int) -> Frames:
    """A clip of `SHAPE` that `BrightnessBackend` gives this label."""
    return np.full(SHAPE, label * 255 // CLASSES + 10, np.uint8)


class BrightnessBackend:
    """Nine classes; the brighter a clip's first pixel, the higher the class; the embedding begins with it.

    Optionally fails or waits first.
    """

    description = Description("brightness", "fp32", "test")

    def __init__(self, max_batch: int = 4, before: Callable[[Frames], None] | None = None) -> None:
        self.max_batch = max_batch
        self.warm_up = sorted({1, max_batch})
        self.batches: list[int] = []
        self.threads: set[int] = {threading.get_ident()}
        self.closed = False
        self.before = before

    def infer(self, frames: Frames) -> Outputs:
        self.threads.add(threading.get_ident())
        self.batches.append(len(frames))
        if self.before is not None:
            self.before(frames)
        probabilities = np.full((len(frames), CLASSES), 0.05, np.float32)
        first = frames[:, 0, 0, 0, 0].astype(int)
        probabilities[np.arange(len(frames)), first * CLASSES // 256] = 0.6
        return Outputs(probabilities, (first[:, None] + np.arange(FEATURES)).astype(np.float32))

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed = True


def factory_of(backend: Backend) -> BackendFactory:
    return lambda: backend


def batcher_of(*backends: Backend, max_batch: int = 32, batch_wait: float = 0.0) -> Batcher:
    """A batcher for clips of `SHAPE`, with these backends loaded and warm."""
    batcher = Batcher(
        [factory_of(backend) for backend in backends], SHAPE, CLASSES, max_batch, batch_wait, None, FEATURES
    )
    for loaded in batcher.start():
        loaded.result(10)
    return batcher


def too_bright(frames: Frames) -> None:
    """For `before`: a backend that fails on bright clips."""
    if frames.max() > 200:
        raise ValueError("too bright")


class Gate:
    """For `before`: holds batches while it is closed, so that tests know what waits. It starts open."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed = False
        self._allowed = 0
        self._waiting = 0

    def __call__(self, _: object) -> None:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            passed = self._changed.wait_for(lambda: not self._closed or self._allowed > 0, SECONDS)
            self._waiting -= 1
            assert passed, "nobody opened the gate"
            if self._closed:
                self._allowed -= 1

    def close(self, after: int = 0) -> None:
        """Hold what comes, after letting that many batches through."""
        with self._changed:
            self._closed, self._allowed = True, after
            self._changed.notify_all()

    def open(self) -> None:
        """Let everything through."""
        with self._changed:
            self._closed = False
            self._changed.notify_all()

    def wait_held(self) -> None:
        """Wait until a batch is held."""
        with self._changed:
            held = self._changed.wait_for(lambda: self._closed and not self._allowed and self._waiting > 0, SECONDS)
        assert held, "no batch came"
