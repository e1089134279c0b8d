"""What is written reaches the disk within a second, however much or little it is: one call for all of it."""

import os
import threading
from types import TracebackType
from typing import Self

SECONDS = 1.0


class Syncing:
    """Syncs an open file, in a thread, for the length of a block; all that was written is on disk when it is left."""

    def __init__(self, descriptor: int, seconds: float = SECONDS) -> None:
        self._descriptor = descriptor
        self._seconds = seconds
        self._written, self._closing = threading.Event(), threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="sync")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises OSError."""
        self._closing.set()
        self._written.set()
        self._thread.join()
        if error is None:
            self._check()

    def written(self) -> None:
        """Something was. Raises OSError when what was written before cannot be kept."""
        self._check()
        self._written.set()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while not self._closing.is_set():
            self._written.wait()
            self._closing.wait(self._seconds)
            self._written.clear()  # before it is synced: what is written from now on is for the next time
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                self._failure = error
                return
