"""The videos of jobs, in a folder that all servers share."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ...errors import JobLostError, JobsStorageError, ServiceError
from .storage import INCOMING, private, unavailable

# A file that no job names may be one whose job is about to be put in; so old, in seconds, it is left over.
LEFT_OVER_SECONDS = 3600.0


class Folder:
    """See `Videos`. What takes the time of a disk is done in threads."""

    def __init__(self, root: Path) -> None:
        """Makes the folders below `root`, for this user only. Raises OSError."""
        private(root)
        self._videos = private(root / "videos")
        self.incoming = private(root / INCOMING)

    def path(self, job: str) -> Path:
        """Where a job's video is."""
        return self._videos / job

    async def keep(self, upload: Path, job: str) -> None:
        """Move it to its place; it is on disk when this returns. See `Videos`."""
        try:
            await asyncio.to_thread(self._keep, upload, job)
        except OSError as error:
            raise _told(error) from error

    def _keep(self, upload: Path, job: str) -> None:
        _sync(upload)
        upload.rename(self.path(job))
        _sync(self._videos)

    @asynccontextmanager
    async def at_hand(self, job: str, size: int) -> AsyncIterator[Path]:
        """See `Videos`."""
        try:
            found = await asyncio.to_thread(self._size, job)
        except OSError as error:
            raise _told(error) from error
        if found != size:
            raise JobLostError("its video is not in R3D_JOBS_DIR any more")
        yield self.path(job)

    def _size(self, job: str) -> int | None:
        """None where there is no such file. Raises OSError, also where its folder is not there."""
        try:
            return self.path(job).stat().st_size
        except FileNotFoundError:
            self._videos.stat()
            return None

    async def remove(self, job: str) -> None:
        """See `Videos`."""
        with suppress(OSError):
            await asyncio.to_thread(self.path(job).unlink)

    async def old(self) -> list[str]:
        """See `Videos`."""
        try:
            return await asyncio.to_thread(self._old)
        except OSError as error:
            raise _told(error) from error

    def _old(self) -> list[str]:
        before = time.time() - LEFT_OVER_SECONDS
        found = []
        for path in self._videos.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    found.append(path.name)
        return found


def _told(error: OSError) -> ServiceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JobsStorageError("no space is left for the videos of jobs")
    return unavailable(error.strerror or str(error))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
