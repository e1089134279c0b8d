"""Frames to clips: resample to a frame rate if asked, then cut into runs of T frames without gaps."""

from collections.abc import Iterable, Iterator

import numpy as np

from .messages import ClipSpan
from .video import DecodeError, Frame, Picture

# Matroska rounds time stamps to milliseconds.
TIME_TOLERANCE = 0.001


def resample(frames: Iterable[Frame], rate: float, usual_rate: float) -> Iterator[Frame]:
    """Frames at `rate` a second: for each moment the latest frame at or before it.

    The last frame lasts 1 / `usual_rate` seconds.
    """
    held: Frame | None = None
    count = 0
    for frame in frames:
        while held is not None and count / rate < frame.seconds - TIME_TOLERANCE:
            yield held
            count += 1
        held = frame
    while held is not None and count / rate < held.seconds + 1 / usual_rate - TIME_TOLERANCE:
        yield held
        count += 1


def cut(frames: Iterable[Frame], length: int, frame_seconds: float, limit: int) -> Iterator[tuple[ClipSpan, Picture]]:
    """Clips of `length` frames, [length, H, W, 3]; the rest at the end is dropped.

    The array is one buffer, overwritten by the next clip. A clip ends `frame_seconds` after its last frame starts.
    Raises DecodeError after `limit` frames: gaps between time stamps can make resampling repeat without end.
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
            yield _clip(count // length, first, frame, frame_seconds), buffer


def _clip(index: int, first: Frame, last: Frame, frame_seconds: float) -> ClipSpan:
    return ClipSpan(
        index=index,
        start_frame=first.index,
        end_frame=last.index + 1,
        start_seconds=first.seconds,
        end_seconds=last.seconds + frame_seconds,
    )
