"""Whether each packet gives its frame, and which. Runs in the decode child only."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace

from .errors import NvdecError
from .packets import Coded

# Frames that wait to be shown, at most 16 of either codec, the one being read, and one more of the parser's.
MOST_HELD_BACK = 18


class Order:
    """Packets that were sent, until their frames come.

    Frames come in the order in which they are shown, and say nothing of the packets that they were: that one is missing
    shows in how many are under way, and whose they are in the packets' times, if those are in that order, too.
    """

    def __init__(self) -> None:
        self._coded: dict[int, Coded] = {}
        self._times: list[int] = []
        self._unplayed: list[int] = []
        self._played: list[int] = []
        # The latest time that was sent, and that was shown.
        self._latest = self._shown = -math.inf
        self.returned = 0

    def sent(self, batch: Sequence[Coded]) -> None:
        """These packets are on their way. Raises NvdecError if their times are not those of frames in some order."""
        for coded in batch:
            if coded.pts in self._coded:
                raise NvdecError("unsupported", "two packets have one time")
            if coded.key and coded.pts < self._latest:
                raise _goes_back()
            self._latest = max(coded.pts, self._latest)
            self._coded[coded.pts] = replace(coded, data=b"")
            self._unplayed.append(coded.pts)
            heapq.heappush(self._times, coded.pts)

    def take(self, count: int, held: int) -> list[Coded]:
        """The packets of the next `count` frames, all that the packets sent so far give by now; the first of the video
        came with so many held back.

        Raises NvdecError, before any of them is used, if they are too few or too many, or not surely theirs. A decoder
        holds back as many as it needs to bring them into order; more later than at first is a frame lost.
        """
        left = len(self._times) - count
        if left < 0:
            raise NvdecError("damaged", "more frames than packets")
        if self.returned or count:
            if left > min(held, MOST_HELD_BACK):
                raise NvdecError("damaged", "a packet gave no frame")
            self._play(held)
        return self._next(count)

    def rest(self, count: int) -> list[Coded]:
        """The packets of the last frames. Raises NvdecError, before any of them is used, if a packet has none."""
        if count != len(self._times):
            raise NvdecError("damaged", f"{count} frames of the last {len(self._times)} packets")
        return self._next(count)

    def _next(self, count: int) -> list[Coded]:
        self.returned += count
        times = [heapq.heappop(self._times) for _ in range(count)]
        self._shown = max([self._shown, *times])
        return [self._coded.pop(time) for time in times]

    def _play(self, held: int) -> None:
        """See that no time of the packets sent is before that of a frame that was shown before them."""
        for time in self._unplayed:
            if time < self._shown:
                raise _goes_back()
            heapq.heappush(self._played, time)
            if len(self._played) > held:
                self._shown = max(self._shown, heapq.heappop(self._played))
        self._unplayed = []


def _goes_back() -> NvdecError:
    return NvdecError("unsupported", "its times go back")
