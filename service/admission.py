"""Who may start: a request is taken only when its clips will have a place in the queue."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import QueueFullError

REMEMBERED = 32
MAX_RETRY_SECONDS = 600


class Admission:
    """Counts the requests in progress, each of which may hold `window` of the queue's `clips` places."""

    def __init__(self, clips: int, window: int) -> None:
        self._limit = max(1, clips // window)
        self._active = 0
        self._finished: deque[float] = deque(maxlen=REMEMBERED)
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """Requests in progress."""
        return self._active

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Take a place for the length of the block. Raises QueueFullError with `Retry-After` when there is none."""
        if self._active >= self._limit:
            detail = f"{self._active} requests are in progress; at most {self._limit} are taken"
            raise QueueFullError(detail, {"Retry-After": str(self.retry_after())})
        self._active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._active -= 1
            self._finished.append(time.monotonic())
            if not self._active:
                self._idle.set()

    def retry_after(self) -> int:
        """Whole seconds until a place should be free, at the rate of the last requests."""
        if len(self._finished) < 2:
            return 1
        seconds = (time.monotonic() - self._finished[0]) / (len(self._finished) - 1)
        return min(MAX_RETRY_SECONDS, max(1, math.ceil(seconds)))

    async def idle(self) -> None:
        """Wait until no request is in progress."""
        await self._idle.wait()
