"""The videos of jobs, in a folder that all servers share."""

import os
import time
from contextlib import suppress
from pathlib import Path

# A file that no job names may be one whose job is about to be put in; so old, in seconds, it is left over.
LEFT_OVER_SECONDS = 3600.0


class Files:
    """Every method takes the time of a disk: call it in a thread."""

    def __init__(self, root: Path) -> None:
        """Makes the folders below `root`, for this user only. Raises OSError."""
        self._videos = root / "videos"
        self.incoming = root / "incoming"
        for folder in (root, self._videos, self.incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, job: str) -> Path:
        """Where a job's video is."""
        return self._videos / job

    def keep(self, upload: Path, job: str) -> None:
        """Move an upload, from `incoming`, to its place; it is on disk when this returns. Raises OSError."""
        _sync(upload)
        upload.rename(self.path(job))
        _sync(self._videos)

    def remove(self, job: str) -> None:
        """A job's video is not needed any more; no matter if it is gone."""
        with suppress(OSError):
            self.path(job).unlink()

    def old(self) -> list[str]:
        """The names of the videos that are not new, which are their jobs' ids."""
        before = time.time() - LEFT_OVER_SECONDS
        found = []
        for path in self._videos.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    found.append(path.name)
        return found


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
