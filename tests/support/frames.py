"""Frames that were never decoded; their pixels tell their number."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from service.decoding.cutting import Cutter
from service.decoding.frames import Frame
from service.decoding.messages import ClipSpan
from service.decoding.pixels.grid import Picture
from service.decoding.sampling import Resampler


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


def resample(found: Iterable[Frame], rate: float, usual_rate: float) -> Iterator[Frame]:
    """All that a `Resampler` makes of the frames."""
    resampler = Resampler(rate, usual_rate)
    for each in found:
        yield from resampler.add(each)
    yield from resampler.end()


def clips_of(cutter: Cutter, found: Iterable[Frame]) -> Iterator[tuple[ClipSpan, Picture]]:
    """All that a `Cutter` makes of the frames."""
    for each in found:
        yield from cutter.add(each)
    yield from cutter.end()
