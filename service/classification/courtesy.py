"""What is done in the background steps back while somebody waits: it has a fifth of the time, and never starves.

Turns at the decoder and the network alone would not do: a request's clips come one by one, and each would find one of
the background's before it, which nobody can stop.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..turns import EVERY

# Where somebody waited a moment ago the next is likely to come: seconds.
LINGER = 1.0


class Courtesy:
    """Use it in one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._waited_for = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._lingering: asyncio.TimerHandle | None = None
        self._clip_seconds = 0.0
        self._next = 0.0

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Somebody waits for a video as long as the block lasts."""
        self._waited_for += 1
        self._calm.clear()
        if self._lingering is not None:
            self._lingering.cancel()
        try:
            yield
        finally:
            self._waited_for -= 1
            if not self._waited_for:
                self._lingering = asyncio.get_running_loop().call_later(LINGER, self._calm.set)

    def spent(self, seconds: float) -> None:
        """A clip of the background had the decoder and the network for so long."""
        self._clip_seconds = seconds

    async def turn(self) -> None:
        """Wait until the background may take its next clip: at once where nobody waits for anything."""
        while not self._calm.is_set() and (pause := self._next - self._clock()) > 0:
            try:
                async with asyncio.timeout(pause):
                    await self._calm.wait()
            except TimeoutError:
                pass
        # Taken to be as long as the last: that of several jobs only one goes on.
        self._next = self._clock() + self._clip_seconds * EVERY
