"""Frames that were never decoded; their pixels tell their number."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from service.decoding.frames import Frame


def frame(index: int, seconds: float, ends: float) -> Frame:
    """Pixels of 2 x 3, red the number's low byte, green its high one."""
    return Frame(index, seconds, ends, lambda: np.full((2, 3, 3), (index & 255, index >> 8, 0), np.uint8))


def frames(count: int, rate: float = 25.0) -> Iterator[Frame]:
    """So many at a constant rate."""
    for index in range(count):
        yield frame(index, index / rate, (index + 1) / rate)


def numbers(pictures: npt.NDArray[np.uint8]) -> list[int]:
    """The numbers of a clip's frames, by their pixels."""
    return [int(red) + 256 * int(green) for red, green, _ in pictures[:, 0, 0]]
