"""What is asked of a place for the videos of jobs."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from ...errors import JobsUnavailableError
from ..job import ASK_AGAIN

INCOMING = "incoming"


class Videos(Protocol):
    """Shared by all servers. Use it in the event loop that it was opened in."""

    @property
    def incoming(self) -> Path:
        """A folder of this server's, for uploads on their way in."""

    async def keep(self, upload: Path, job: str) -> None:
        """Take over an upload, from `incoming`; it is kept when this returns.

        Raises JobsStorageError when there is no space, and JobsUnavailableError.
        """

    def at_hand(self, job: str, size: int) -> AbstractAsyncContextManager[Path]:
        """A job's video of `size` bytes as a file of this machine's, until the block is left.

        Raises JobLostError when it is not there any more, and JobsUnavailableError when nobody can tell.
        """

    async def remove(self, job: str) -> None:
        """A job's video is not needed any more. What cannot be removed now is among the `old` later."""

    async def old(self) -> list[str]:
        """The names of the videos that are not new, which are their jobs' ids. Raises JobsUnavailableError."""


def private(folder: Path) -> Path:
    """The folder, made for this user only where it is not there. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def unavailable(reason: str) -> JobsUnavailableError:
    """For a client that is to come again."""
    return JobsUnavailableError(f"the storage of jobs' videos: {reason}", ASK_AGAIN)
