"""Waiting for what other threads and processes do: tests poll here and nowhere else."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 10.0
PAUSE = 0.01


def eventually(condition: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """What `condition` returns once that is true; it must be within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s, but gave {found!r}"
        time.sleep(PAUSE)
    return found


async def eventually_async(condition: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """The same while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s, but gave {found!r}"
        await asyncio.sleep(PAUSE)
    return found
