"""An event loop in a thread of its own, for coroutines that also read files and compute checksums."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs from when it is made until it is closed."""

    def __init__(self, name: str) -> None:
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = Thread(target=lambda: asyncio.run(_live(started)), name=name)
        self._thread.start()
        self._loop, self._closing = started.result()
        self._lock = Lock()
        self._closed = False

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns or raises, run there. Cancelling it cancels the work, and ends when the work has.

        Raises ConnectionAbortedError when the thread is closed before the work is over, or was before.
        """
        over: Future[asyncio.Task[T]] = Future()
        begun: list[asyncio.Task[T]] = []

        def begin() -> None:
            begun.append(asyncio.create_task(work))
            begun[0].add_done_callback(over.set_result)

        with self._lock:  # what is asked for before the end is begun before it, and so ended by it
            if self._closed:
                work.close()
                raise ConnectionAbortedError("this server ends")
            self._loop.call_soon_threadsafe(begin)
        ended = asyncio.wrap_future(over)
        try:
            task = await asyncio.shield(ended)
        except asyncio.CancelledError:
            with suppress(RuntimeError):  # the loop is closed: the work has ended
                self._loop.call_soon_threadsafe(lambda: begun[0].cancel())
            task = await ended
            if not task.cancelled():
                task.exception()
            raise
        if task.cancelled():
            raise ConnectionAbortedError("this server ends")
        return task.result()

    def close(self) -> None:
        """Ends what still runs there. Call it in a thread."""
        with self._lock:
            self._closed = True
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()


async def _live(started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    closing = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), closing))
    await closing.wait()
