"""What an iterable gives, read in a thread: a pipe that is slow, or a folder on a slow disk, holds up nothing else."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

# So many are read before they are asked for; memory does not grow with what is left.
AHEAD = 256


class ReadAhead(Generic[T]):
    """Use it in one event loop, for the length of a block. The iterable is not used by anyone else meanwhile.

    Loop and thread wake each other only when one has nothing left to do: a wake-up costs more than reading a name. The
    thread is not waited for at the end: it may be blocked in a read that never ends.
    """

    def __init__(self, source: Iterable[T]) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._read: deque[T] = deque()
        self._ended = self._closed = self._starved = False
        self._failure: Exception | None = None
        self._more = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    async def next(self) -> T | None:
        """The next; None when there is no more, however often it is asked for. Raises what reading raised."""
        while True:
            with self._changed:
                if self._read:
                    return self._take()
                if self._ended:
                    break
                self._starved = True
                self._more.clear()
            await self._more.wait()
        if self._failure is not None:
            raise self._failure
        return None

    def _take(self) -> T:
        if len(self._read) == AHEAD // 2:
            self._changed.notify()
        return self._read.popleft()

    def _run(self) -> None:
        try:
            for each in self._source:
                with self._changed:
                    if len(self._read) == AHEAD:
                        self._changed.wait_for(lambda: self._closed or len(self._read) < AHEAD // 2)
                    if self._closed:
                        return
                    self._read.append(each)
                    self._wake()
        except Exception as error:
            self._failure = error
        with self._changed:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        if self._starved:
            self._starved = False
            try:
                self._loop.call_soon_threadsafe(self._more.set)
            except RuntimeError:  # the loop has ended, and with it whoever would be told
                self._closed = True
