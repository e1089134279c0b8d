"""Who may start: a request is admitted only when its clips will find room in the queue.

A place is not taken by asking for it: a request gets one with the whole of its body, or when that has taken a second.
Of those that take longer only so many are admitted, so slow uploads can never have every place.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import QueueFullError

REMEMBERED = 32
MAX_RETRY_SECONDS = 600
# An upload that takes longer than this is slow, and one place in so many is not for slow ones.
QUICK_SECONDS = 1.0
KEPT_FOR_QUICK = 5


class Admission:
    """Counts the requests in progress, and gives at most `limit` of them a place. Use it in one thread."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self.clock = clock
        self._limit = limit
        self._slow_limit = limit - limit // KEPT_FOR_QUICK
        self._active = self._places = self._slow = self._attending = 0
        self._finished: deque[float] = deque(maxlen=REMEMBERED)
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """Requests in progress, those that have no place yet among them."""
        return self._active

    @property
    def occupancy(self) -> float:
        """The part of all places that is taken: 0 to 1."""
        return self._places / self._limit

    @contextmanager
    def enter(self) -> Iterator["Visit"]:
        """Be in progress for the length of the block. Raises QueueFullError at once when no place is free."""
        self._check_room()
        visit = Visit(self)
        self._active += 1
        self._idle.clear()
        try:
            yield visit
        finally:
            self._leave(visit)

    @contextmanager
    def attend(self) -> Iterator[None]:
        """Upload a job for the length of the block: it needs no place, but there are no more of them than places.

        Raises QueueFullError.
        """
        if self._attending >= self._limit:
            raise self._full(f"{self._attending} jobs are being uploaded, as many as are admitted")
        self._attending += 1
        self._active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._attending -= 1
            self._ended()

    def take(self) -> None:
        """A request's body is whole. Raises QueueFullError."""
        self._check_room()
        self._places += 1

    def take_slowly(self) -> None:
        """A request's body takes its time. Raises QueueFullError."""
        self._check_room()
        if self._slow >= self._slow_limit:
            raise self._full(f"{self._slow} slow uploads are in progress, as many as are admitted")
        self._places += 1
        self._slow += 1

    def arrived(self) -> None:
        """The body of a request that is taken slowly is whole now, or given up."""
        self._slow -= 1

    def retry_after(self) -> int:
        """Whole seconds until one more should be admitted, at the rate of the last requests."""
        if len(self._finished) < 2:
            return 1
        seconds = (self.clock() - self._finished[0]) / (len(self._finished) - 1)
        return min(MAX_RETRY_SECONDS, max(1, math.ceil(seconds)))

    async def idle(self) -> None:
        """Wait until no request is in progress."""
        await self._idle.wait()

    def _leave(self, visit: "Visit") -> None:
        if visit.slow:
            self.arrived()
        if visit.admitted:
            self._places -= 1
            self._finished.append(self.clock())
        self._ended()

    def _ended(self) -> None:
        self._active -= 1
        if not self._active:
            self._idle.set()

    def _check_room(self) -> None:
        if self._places >= self._limit:
            raise self._full(f"{self._places} requests are in progress; at most {self._limit} are admitted")

    def _full(self, detail: str) -> QueueFullError:
        return QueueFullError(detail, {"Retry-After": str(self.retry_after())})


class Visit:
    """One request in progress: `admitted` once it has a place, `slow` while its body takes its time."""

    def __init__(self, admission: Admission) -> None:
        self.admitted = self.slow = False
        self._admission = admission
        self._started = admission.clock()

    def uploading(self) -> None:
        """A piece of the body has come. Raises QueueFullError when it is slow, and no place is free for that."""
        if not self.admitted and self._admission.clock() - self._started >= QUICK_SECONDS:
            self._admission.take_slowly()
            self.admitted = self.slow = True

    def uploaded(self) -> None:
        """The body is whole. Raises QueueFullError when it was quick, and no place is free."""
        if self.slow:
            self._admission.arrived()
            self.slow = False
        elif not self.admitted:
            self._admission.take()
            self.admitted = True
