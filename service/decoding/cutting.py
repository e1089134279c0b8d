"""Frames to clips."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from .errors import DecodeError
from .frames import Frame
from .messages import ClipSpan
from .pixels.grid import Picture


@dataclass(frozen=True)
class Cut:
    """How frames are cut into clips of `length` frames.

    `starts`: the clips' first frames, in order; by default they are `stride` frames apart, as many as there are. `pad`:
    the last frame is repeated until the last clip is whole. The clips hold at most `limit` frames in all.
    """

    length: int
    stride: int
    limit: int
    pad: bool = False
    starts: tuple[int, ...] | None = None


class Cutter:
    """Cuts frames into clips, and counts them. It holds the frames of one clip, whatever is cut from what."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._starts = count(0, cut.stride) if cut.starts is None else iter(cut.starts)
        self._start = next(self._starts, None)
        self._ring: Picture | None = None  # frame i is at place i modulo `length`
        self._places: deque[tuple[int, float, float]] = deque(maxlen=cut.length)  # what the ring's frames are
        self._last: Frame | None = None
        self._whole = 0  # frames up to the end of the last clip
        self.frames = 0
        self.clips = 0
        self.repeated = 0

    def end(self) -> Iterator[tuple[ClipSpan, Picture]]:
        """The clips that the frames make up once there are no more; as `add` gives them."""
        uncovered = self._start is not None and max(self._start, self._whole) < self.frames
        if self._cut.pad and self._last is not None and self._start is not None and uncovered:
            for _ in range(self._start + self._cut.length - self.frames):
                yield from self.add(self._last)

    def add(self, frame: Frame) -> Iterator[tuple[ClipSpan, Picture]]:
        """The clips that a frame completes, with their frames, [length, H, W, 3], which the next may overwrite.

        Raises DecodeError past the limit.
        """
        number, self.frames, self._last = self.frames, self.frames + 1, frame
        if self._start is None or number < self._start:
            return
        if self._ring is None:
            self._ring = np.empty((self._cut.length, *frame.picture.shape), np.uint8)
        self._ring[number % self._cut.length] = frame.picture
        self.repeated += bool(self._places) and self._places[-1][0] == frame.index
        self._places.append((frame.index, frame.seconds, frame.ends))
        while self._start is not None and number == self._start + self._cut.length - 1:
            yield self._clip(self._start, self._ring)
            self._start = next(self._starts, None)

    def _clip(self, start: int, ring: Picture) -> tuple[ClipSpan, Picture]:
        length = self._cut.length
        if (self.clips + 1) * length > self._cut.limit:
            raise DecodeError("too-long", f"more than {self._cut.limit} frames")
        first, last = self._places[0], self._places[-1]
        span = ClipSpan(
            index=self.clips,
            start_frame=first[0],
            end_frame=last[0] + 1,
            start_seconds=first[1],
            end_seconds=last[2],
        )
        self.clips, self._whole = self.clips + 1, start + length
        turn = start % length
        return span, ring if turn == 0 else np.concatenate([ring[turn:], ring[:turn]])
