"""Whether each packet gives its frame. Runs in the decode child only."""

import heapq
from dataclasses import replace

from .errors import NvdecError
from .packets import Coded

# Frames that wait to be shown, at most 16 of either codec, the one being read, and one more of the parser's.
MOST_HELD_BACK = 18


class Order:
    """Packets that were sent, until their frames come.

    Frames come in the order in which they are shown, and say nothing of the packets that they were: that one is missing
    shows in how many are under way.
    """

    def __init__(self) -> None:
        self._coded: dict[int, Coded] = {}
        self._times: list[int] = []
        self.returned = 0

    @property
    def missing(self) -> int:
        """Packets whose frames did not come."""
        return len(self._coded)

    def sent(self, batch: list[Coded]) -> None:
        """These packets are on their way. Raises NvdecError if two have one time."""
        for coded in batch:
            if coded.pts in self._coded:
                raise NvdecError("unsupported", "two packets have one time")
            self._coded[coded.pts] = replace(coded, data=b"")
            heapq.heappush(self._times, coded.pts)

    def answered(self, held: int) -> None:
        """All frames that the packets sent so far give by now were taken; the first came with so many held back.

        Raises NvdecError if they are too few. A decoder holds back as many as it needs to bring them into order; more
        later than at first is a frame lost.
        """
        if self.returned and len(self._coded) > min(held, MOST_HELD_BACK):
            raise NvdecError("damaged", "a packet gave no frame")

    def take(self) -> Coded:
        """The packet of the next frame. Raises NvdecError if each has had its frame."""
        if not self._times:
            raise NvdecError("damaged", "a packet gave more than one frame")
        self.returned += 1
        return self._coded.pop(heapq.heappop(self._times))
