"""Which frames clips are made of: those of a span of time, at a frame rate if asked, and where clips begin.

The frames picked are those that torchvision's `VideoClips` and `UniformClipSampler` pick (torchvision 0.28).
"""

from collections.abc import Iterable, Iterator
from functools import partial
from operator import attrgetter

import numpy as np

from .errors import DecodeError
from .frames import Frame

# Matroska rounds time stamps to milliseconds.
TIME_TOLERANCE = 0.001
EQUAL = 1e-6
# Frames out for each frame in, on the whole: a tiny file must not become hours of work.
MAX_REPEATS = 4
# A still of some seconds at the start of a video is nothing unusual.
REPEATS_TO_SPARE = 128


def between(frames: Iterable[Frame], start: float, end: float | None) -> Iterator[Frame]:
    """The frames that begin from `start` seconds on and before `end`; nothing behind them is decoded."""
    for frame in frames:
        if end is not None and frame.seconds >= end - TIME_TOLERANCE:
            return
        if frame.seconds >= start - TIME_TOLERANCE:
            yield frame


def is_whole(step: float) -> bool:
    """Whether a step between frames is a whole number: then the last frame counts, however short it is shown."""
    return abs(step - round(step)) < 1e-6


class Resampler:
    """Frames at `rate` a second: for each moment the latest frame at or before it, with the moment as its time.

    A last moment whose time is not over with the video is left out, unless the `usual_rate` is a multiple of `rate`.
    """

    def __init__(self, rate: float, usual_rate: float) -> None:
        self._rate = rate
        self._usual_rate = usual_rate
        self._zero: float | None = None
        self._decoded = 0
        self._moment = 0
        self._waiting: Frame | None = None  # the last moment's, until it is known to be over

    def add(self, frame: Frame) -> Iterator[Frame]:
        """The moments that a decoded frame decides.

        Raises DecodeError when frames would be repeated more than `MAX_REPEATS` times on the whole.
        """
        self._decoded += 1
        zero = self._zero = frame.seconds if self._zero is None else self._zero
        ends = _exact(frame.ends - zero, self._decoded / self._usual_rate) + EQUAL
        while self._moment / self._rate < ends - 2 * EQUAL:
            if self._moment >= MAX_REPEATS * self._decoded + REPEATS_TO_SPARE:
                raise DecodeError("frame-rate", _too_many_repeats(self._rate))
            if self._waiting is not None:
                yield self._waiting
            begins, behind = zero + self._moment / self._rate, zero + (self._moment + 1) / self._rate
            self._waiting = Frame(frame.index, begins, behind, partial(attrgetter("picture"), frame))
            self._moment += 1
        if self._waiting is not None and self._moment / self._rate <= ends:
            yield self._waiting
            self._waiting = None

    def end(self) -> Iterator[Frame]:
        """The moment that is left when there are no more frames."""
        if self._waiting is not None and is_whole(self._usual_rate / self._rate):
            yield self._waiting


def _exact(seconds: float, usual: float) -> float:
    """A time, or what it is without a container's rounding, where the frame rate is constant."""
    return usual if abs(seconds - usual) <= TIME_TOLERANCE else seconds


def resampled_count(frames: int, rate: float, usual_rate: float) -> int:
    """How many frames a `Resampler` makes of that many at a constant rate."""
    step = usual_rate / rate
    return -(-frames // round(step)) if is_whole(step) else int(frames / step + 1e-6)


def _too_many_repeats(rate: float) -> str:
    return f"{rate:g} frames/s: each of the video's frames would be repeated more than {MAX_REPEATS} times"


def check_rate(rate: float, usual_rate: float) -> None:
    """Raises DecodeError when `rate` would repeat frames that come at `usual_rate` too often."""
    if rate > MAX_REPEATS * usual_rate + TIME_TOLERANCE:
        raise DecodeError("frame-rate", _too_many_repeats(rate))


def uniform_starts(frames: int, length: int, stride: int, clips: int) -> list[int]:
    """First frames of `clips` clips, evenly spread over all that `frames` frames hold, the first and last included.

    Where there are fewer than `clips`, some come more than once; empty where there is none.
    """
    possible = (frames - length) // stride + 1
    if possible < 1:
        return []
    # torch.linspace(0, possible - 1, clips) in 32 bits: from both ends to the middle.
    last, one = np.float32(possible - 1), np.arange(clips, dtype=np.float32)
    step = last / np.float32(max(clips - 1, 1))
    places = np.where(one < clips // 2, step * one, last - step * (clips - 1 - one)) if clips > 1 else one
    return [int(place) * stride for place in places.astype(np.float32)]
