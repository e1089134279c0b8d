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


def resample(frames: Iterable[Frame], rate: float, usual_rate: float) -> Iterator[Frame]:
    """Frames at `rate` a second: for each moment the latest frame at or before it, with the moment as its time.

    A last moment whose time is not over with the video is left out, unless the `usual_rate` is a multiple of `rate`.
    Raises DecodeError when frames would be repeated more than `MAX_REPEATS` times on the whole.
    """
    zero: float | None = None
    waiting: Frame | None = None
    moment = 0
    for decoded, frame in enumerate(frames, start=1):
        zero = frame.seconds if zero is None else zero
        ends = _exact(frame.ends - zero, decoded / usual_rate) + EQUAL
        while moment / rate < ends - 2 * EQUAL:
            if moment >= MAX_REPEATS * decoded + REPEATS_TO_SPARE:
                raise DecodeError("frame-rate", _too_many_repeats(rate))
            if waiting is not None:
                yield waiting
            begins, behind = zero + moment / rate, zero + (moment + 1) / rate
            waiting = Frame(frame.index, begins, behind, partial(attrgetter("picture"), frame))
            moment += 1
        if waiting is not None and moment / rate <= ends:
            yield waiting
            waiting = None
    if waiting is not None and is_whole(usual_rate / rate):
        yield waiting


def _exact(seconds: float, usual: float) -> float:
    """A time, or what it is without a container's rounding, where the frame rate is constant."""
    return usual if abs(seconds - usual) <= TIME_TOLERANCE else seconds


def resampled_count(frames: int, rate: float, usual_rate: float) -> int:
    """How many frames `resample` makes of that many at a constant rate."""
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
