"""Videos of jobs that are on their way in: their bytes count before they are in the database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ..errors import JobsUnavailableError

# A video that does not say how large it will be is asked after whenever so much more of it is there.
LOOK_BYTES = 16 << 20


class Arrivals:
    """Those of one server. Use it in one event loop."""

    def __init__(self, check_room: Callable[[int], Awaitable[None]]) -> None:
        """`check_room`: see `Submissions`."""
        self.bytes = 0
        self._check_room = check_room

    @asynccontextmanager
    async def one(self, size: int) -> AsyncIterator["Arrival"]:
        """A video comes as long as the block lasts. `size`: bytes, as far as known.

        Raises JobsFullError, JobsStorageError, JobsUnavailableError.
        """
        arrival = Arrival(self)
        try:
            arrival.hold(size)
            await self.check()
            yield arrival
        finally:
            self.bytes -= arrival.held

    async def check(self) -> None:
        """Whether there is room for all that come. Raises as `one` does."""
        await self._check_room(self.bytes)


class Arrival:
    """One video; `held` are its bytes, those that are known to come among them."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.held = 0
        self._arrivals = arrivals
        self._received = 0
        self._look_at = LOOK_BYTES

    def hold(self, size: int) -> None:
        """It has `size` bytes, or more."""
        more = max(0, size - self.held)
        self.held += more
        self._arrivals.bytes += more

    async def came(self, size: int) -> None:
        """So many bytes more are there. Raises JobsFullError and JobsStorageError when there is no room for them."""
        self._received += size
        if self._received <= self.held:
            return
        self.hold(self._received)
        if self._received >= self._look_at:
            self._look_at = self._received + LOOK_BYTES
            with suppress(JobsUnavailableError):  # it is asked again when all of it is there
                await self._arrivals.check()
