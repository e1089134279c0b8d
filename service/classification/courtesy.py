"""What is done in the background steps back while somebody waits: it has a fifth of the time, and never starves.

Turns at the decoder and the network alone would not do: a request's clips come one by one, and each would find one of
the background's before it, which nobody can stop.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..turns import EVERY


class Courtesy:
    """Use it in one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._waited_for = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._paused_until = 0.0

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Somebody waits for a video as long as the block lasts."""
        self._waited_for += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._waited_for -= 1
            if not self._waited_for:
                self._calm.set()

    def spent(self, seconds: float) -> None:
        """The background had the network for so long."""
        self._paused_until = max(self._paused_until, self._clock()) + seconds * (EVERY - 1)

    async def turn(self) -> None:
        """Wait until the background may take its next clip: at once where nobody waits for anything."""
        while not self._calm.is_set() and (pause := self._paused_until - self._clock()) > 0:
            try:
                async with asyncio.timeout(pause):
                    await self._calm.wait()
            except TimeoutError:
                pass
