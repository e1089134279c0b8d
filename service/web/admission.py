"""Who may start: a request is admitted only when its clips will find room in the queue."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import QueueFullError

REMEMBERED = 32
MAX_RETRY_SECONDS = 600


class Admission:
    """Counts the requests in progress, at most `limit`. Use it in one thread."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._limit = limit
        self._clock = clock
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
        """Be admitted for the length of the block. Raises QueueFullError with `Retry-After` at the limit."""
        if self._active >= self._limit:
            detail = f"{self._active} requests are in progress; at most {self._limit} are admitted"
            raise QueueFullError(detail, {"Retry-After": str(self.retry_after())})
        self._active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._active -= 1
            self._finished.append(self._clock())
            if not self._active:
                self._idle.set()

    def retry_after(self) -> int:
        """Whole seconds until one more should be admitted, at the rate of the last requests."""
        if len(self._finished) < 2:
            return 1
        seconds = (self._clock() - self._finished[0]) / (len(self._finished) - 1)
        return min(MAX_RETRY_SECONDS, max(1, math.ceil(seconds)))

    async def idle(self) -> None:
        """Wait until no request is in progress."""
        await self._idle.wait()
