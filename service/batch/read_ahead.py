"""What an iterable gives, read in a thread: a pipe that is slow, or a folder on a slow disk, holds up nothing else."""

import asyncio
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

# So many are read before they are asked for; memory does not grow with what is left.
AHEAD = 64


class ReadAhead(Generic[T]):
    """Use it in one event loop, for the length of a block. The iterable is not used by anyone else meanwhile.

    The thread is not waited for: it may be blocked in a read that never ends.
    """

    def __init__(self, source: Iterable[T]) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._read: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._room.release()

    async def next(self) -> T | None:
        """The next; None when there is no more, however often it is asked for. Raises what reading raised."""
        found = await self._read.get()
        if isinstance(found, tuple):
            self._room.release()
            return found[0]
        self._read.put_nowait(found)  # for the others that wait
        if found is not None:
            raise found
        return None

    def _run(self) -> None:
        try:
            for each in self._source:
                self._room.acquire()
                if self._closed.is_set():
                    return
                self._tell((each,))
            self._tell(None)
        except Exception as error:
            self._tell(error)

    def _tell(self, read: tuple[T] | Exception | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._read.put_nowait, read)
        except RuntimeError:  # the loop has ended, and with it whoever would be told
            self._closed.set()
