"""Who waits for a job hears of what this server does to it; what others do is looked for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds after which whoever waits for a job that another server may work on looks again.
LOOK_SECONDS = 1.0


class Changes:
    """Use it in one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def tell(self, job: str) -> None:
        """Something about the job is new in the database."""
        for event in self._waiting.get(job, ()):
            event.set()

    @contextmanager
    def of(self, job: str) -> Iterator[asyncio.Event]:
        """An event that is set when the job changes, as long as the block lasts; clear it before looking."""
        event = asyncio.Event()
        self._waiting.setdefault(job, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[job].discard(event)
            if not self._waiting[job]:
                del self._waiting[job]


async def soon(event: asyncio.Event, seconds: float = LOOK_SECONDS) -> None:
    """Wait for the event, but no longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
