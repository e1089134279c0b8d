"""What a backend is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


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
        """Most clips `infer` takes."""

    def infer(self, frames: Frames) -> Probabilities:
        """uint8 [n, T, H, W, 3] RGB, n from 1 to `max_batch`, to probabilities float32 [n, classes]."""

    def close(self) -> None:
        """Give back what it holds."""


BackendFactory = Callable[[], Backend]
