"""Small real backends for tests that are not about the network itself."""

import threading
from collections.abc import Callable

import numpy as np

from engine_builder.manifest import Frames, Probabilities
from service.inference.backends.protocol import Backend, BackendFactory, Description


class BrightnessBackend:
    """Nine classes; the brighter a clip's first pixel, the higher the class. Optionally fails or waits first."""

    description = Description("brightness", "fp32", "test")

    def __init__(self, max_batch: int = 4, before: Callable[[Frames], None] | None = None) -> None:
        self.max_batch = max_batch
        self.batches: list[int] = []
        self.threads: set[int] = {threading.get_ident()}
        self.closed = False
        self._before = before

    def infer(self, frames: Frames) -> Probabilities:
        self.threads.add(threading.get_ident())
        self.batches.append(len(frames))
        if self._before is not None:
            self._before(frames)
        probabilities = np.full((len(frames), 9), 0.05, np.float32)
        probabilities[np.arange(len(frames)), frames[:, 0, 0, 0, 0].astype(int) * 9 // 256] = 0.6
        return probabilities

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed = True


def factory_of(backend: Backend) -> BackendFactory:
    return lambda: backend
