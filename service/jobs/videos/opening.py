"""The place for the videos of jobs that the settings name."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from ...errors import StartupError
from .bucket import Bucket
from .folder import Folder
from .storage import INCOMING, Videos, private

T = TypeVar("T")


@asynccontextmanager
async def open_videos(url: str | None, root: Path) -> AsyncIterator[Videos]:
    """The bucket at `url`, or else the folder `root`, until the block is left. Raises StartupError."""
    if url is None:
        yield await _made(Folder, root)
        return
    async with Bucket.open(url, await _made(private, root / INCOMING)) as bucket:
        yield bucket


async def _made(make: Callable[[Path], T], path: Path) -> T:
    try:
        return await asyncio.to_thread(make, path)
    except OSError as error:
        raise StartupError(f"R3D_JOBS_DIR: {error}") from error
