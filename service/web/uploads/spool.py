"""Private directories for uploads, and the clearing away of those that a killed server left."""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ...threads import made_in_thread

PREFIX = "r3d-spool-"
LOCK = "lock"


class Spool:
    """The server's directory under another, by default the system's temporary one, made when first needed.

    A file in it stays locked as long as the process lives, so that another can tell what is left over.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent
        self._opening = threading.Lock()
        self._root: Path | None = None
        self._lock: int | None = None

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Path]:
        """A new directory that only this user can enter, removed when the block is left. Raises OSError."""
        made = await made_in_thread(self._make, _remove)
        try:
            yield made
        finally:
            # In this thread: it must happen also when the task is being cancelled, and is one unlink.
            _remove(made)

    def _make(self) -> Path:
        with self._opening:
            if self._root is None or not self._root.is_dir():
                self._open()
            return Path(tempfile.mkdtemp(dir=self._root))

    def _open(self) -> None:
        self.close()
        root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
        # Locked before it has its name: whoever finds it unlocked may remove the directory.
        waiting = root / "locking"
        self._lock = os.open(waiting, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        waiting.rename(root / LOCK)
        self._root = root

    def close(self) -> None:
        """Remove everything."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._root = self._lock = None


def _remove(made: Path) -> None:
    shutil.rmtree(made, ignore_errors=True)


def sweep(parent: Path | None = None) -> int:
    """Remove what servers that are no more left, by default in the temporary directory; returns how many."""
    removed = 0
    for root in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(root / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(root)
                removed += 1
            finally:
                os.close(descriptor)
    return removed
