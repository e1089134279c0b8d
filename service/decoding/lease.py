"""A decode slot that is lost when its holder makes no progress."""

import asyncio
from types import TracebackType

from .slots import Slots


class Lease:
    """Holds one of the slots as long as the block lasts, or until nothing renewed it for a while."""

    def __init__(self, slots: Slots, seconds: float, newcomer: bool, background: bool = False) -> None:
        self._slots = slots
        self._seconds = seconds
        self._newcomer = newcomer
        self._background = background
        self._expiry: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "Lease":
        await self._slots.acquire(self._newcomer, self._background)
        self._expiry = asyncio.get_running_loop().call_later(self._seconds, self._release)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def renew(self) -> None:
        """Start the time again, unless it is over."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = asyncio.get_running_loop().call_later(self._seconds, self._release)

    def _release(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
            self._slots.release()
