"""Work in a thread, for somebody who may leave meanwhile."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def made_in_thread(make: Callable[[], T], unmake: Callable[[T], Any]) -> T:
    """What `make` makes, in a thread: a disk may take its time. Raises what it raises.

    What is made for nobody, as the caller was cancelled, is unmade in the event loop.
    """
    making = asyncio.ensure_future(asyncio.to_thread(make))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(partial(_unmake, unmake))
        raise


def _unmake(unmake: Callable[[T], Any], making: "asyncio.Future[T]") -> None:
    if not making.cancelled() and making.exception() is None:
        unmake(making.result())
