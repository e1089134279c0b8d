"""The decode slots: how many videos decode at a time, and which of those that wait is next."""

import asyncio
from collections import deque

from ..turns import Turns


class Slots:
    """A semaphore whose newcomers go ahead of the others, but never two of them while others wait.

    One newcomer that finds no slot free gets one more, which goes when no newcomer wants it. So a short video beside
    long ones need not wait for any of them, and many short ones stop no long one. What is done in the background lets
    others go first, by `Turns`. Use it in one event loop.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._one_more = False
        self._newcomers: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._background: deque[asyncio.Future[None]] = deque()
        self._newcomer_was_last = False
        self._turns = Turns()

    @property
    def locked(self) -> bool:
        """Whether whoever asks now has to wait."""
        return not self._free

    async def acquire(self, newcomer: bool, background: bool = False) -> None:
        """Wait for a slot, and take it; among those in the background none is a newcomer."""
        if self._free:
            self._free -= 1
            return
        if newcomer and not background and not self._one_more:
            self._one_more = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._newcomers if newcomer else self._others
        (self._background if background else waiting).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came in the same moment
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back, to whoever is next."""
        if self._one_more and not self._newcomers:
            self._one_more = False
            return
        while (turn := self._next()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _next(self) -> "asyncio.Future[None] | None":
        if self._turns.background_is_next(bool(self._background), bool(self._newcomers or self._others)):
            return self._background.popleft()
        self._newcomer_was_last = bool(self._newcomers) and not (self._newcomer_was_last and self._others)
        if self._newcomer_was_last:
            return self._newcomers.popleft()
        return self._others.popleft() if self._others else None
