"""Frames to clips: resample to a frame rate if asked, then cut into runs of T frames without gaps."""

from collections.abc import Iterable, Iterator
from functools import partial
from operator import attrgetter

import numpy as np

from .errors import DecodeError
from .frames import Frame
from .messages import ClipSpan
from .pixels.grid import Picture

# Matroska rounds time stamps to milliseconds.
TIME_TOLERANCE = 0.001
# Frames out for each frame in, on the whole: a tiny file must not become hours of work.
MAX_REPEATS = 4
# A still of some seconds at the start of a video is nothing unusual.
REPEATS_TO_SPARE = 128


def resample(frames: Iterable[Frame], rate: float) -> Iterator[Frame]:
    """Frames at `rate` a second: for each moment the latest frame at or before it, with the moment as its time.

    Raises DecodeError when frames would be repeated more than `MAX_REPEATS` times on the whole.
    """
    count = 0
    for frame in frames:
        while count / rate < frame.ends - TIME_TOLERANCE:
            if count >= MAX_REPEATS * (frame.index + 1) + REPEATS_TO_SPARE:
                raise DecodeError("frame-rate", _too_many_repeats(rate))
            yield Frame(frame.index, count / rate, (count + 1) / rate, partial(attrgetter("picture"), frame))
            count += 1


def _too_many_repeats(rate: float) -> str:
    return f"{rate:g} frames/s: each of the video's frames would be repeated more than {MAX_REPEATS} times"


def check_rate(rate: float, usual_rate: float) -> None:
    """Raises DecodeError when `rate` would repeat frames that come at `usual_rate` too often."""
    if rate > MAX_REPEATS * usual_rate + TIME_TOLERANCE:
        raise DecodeError("frame-rate", _too_many_repeats(rate))


def cut(frames: Iterable[Frame], length: int, limit: int) -> Iterator[tuple[ClipSpan, Picture]]:
    """Clips of `length` frames, [length, H, W, 3]; the rest at the end is dropped.

    The array is one buffer, overwritten by the next clip. Raises DecodeError after `limit` frames: gaps between time
    stamps can make resampling repeat without end.
    """
    buffer: Picture | None = None
    first: Frame | None = None
    for count, frame in enumerate(frames):
        if count >= limit:
            raise DecodeError("too-long", f"more than {limit} frames")
        if buffer is None:
            buffer = np.empty((length, *frame.picture.shape), np.uint8)
        position = count % length
        first = frame if first is None or position == 0 else first
        buffer[position] = frame.picture
        if position == length - 1:
            yield _clip(count // length, first, frame), buffer


def _clip(index: int, first: Frame, last: Frame) -> ClipSpan:
    return ClipSpan(
        index=index,
        start_frame=first.index,
        end_frame=last.index + 1,
        start_seconds=first.seconds,
        end_seconds=last.ends,
    )
