"""The videos of jobs, in S3-compatible storage: objects below a prefix, named as their jobs."""

import asyncio
import importlib
import logging
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

from ...errors import JobLostError, JobsStorageError, ServiceError, StartupError
from .loop_thread import LoopThread
from .storage import unavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

# What a job's id looks like: another's object below the prefix is never removed.
ID = re.compile(r"[A-Za-z0-9_-]{24}")
# As of a folder's files, but an object is as old as the beginning of its upload, which may take hours.
LEFT_OVER_SECONDS = 86_400.0
# Bytes of a part of an object, on the way in and out, of which a few are in memory.
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2
# Storage that cannot be reached is to be told, not waited for: seconds for a connection, and for an answer to a part.
CONFIG = {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 2, "mode": "standard"}}
# Nobody need wait longer, in seconds, until something is removed.
REMOVE_SECONDS = 10.0
# What servers call it that there is no room, and HTTP's status for it.
FULL = re.compile(r"StorageFull|QuotaExceeded|InsufficientStorage")
FULL_STATUS = 507
GONE = "its video is not in the bucket any more"


class Bucket:
    """See `Videos`. Its requests are made in a thread of its own; fsspec's coroutines begin with `_`."""

    def __init__(self, root: str, incoming: Path, system: Any, errors: tuple[type[Exception], ...]) -> None:
        """`root`: bucket and prefix. `system`: s3fs's, asynchronous. `errors`: what it raises."""
        self.incoming = incoming
        self._root = root
        self._system = system
        self._errors = errors
        self._thread = LoopThread("jobs-videos")
        self._away = False

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, incoming: Path) -> AsyncIterator["Bucket"]:
        """That at `url`, s3://BUCKET/PREFIX, until the block is left. The environment's `AWS_...` say where it is.

        Raises StartupError.
        """
        try:
            s3fs, known = await asyncio.to_thread(_libraries)
        except ImportError as error:
            raise StartupError(f"R3D_JOBS_VIDEOS needs the package's extra `s3`: {error}") from error
        system = s3fs.S3FileSystem(
            asynchronous=True,
            skip_instance_cache=True,
            use_listings_cache=False,
            max_concurrency=PARTS_AT_ONCE,
            config_kwargs=CONFIG,
        )
        system.retries = 1  # botocore tries again
        bucket = cls(url.removeprefix("s3://").rstrip("/"), incoming, system, known)
        try:
            try:
                await bucket._run(bucket._reach())
            except ServiceError as error:
                raise StartupError(f"R3D_JOBS_VIDEOS: {error.detail}") from error
            except ValueError as error:  # botocore's word for an endpoint that is no URL
                raise StartupError(f"R3D_JOBS_VIDEOS: {error}") from error
            yield bucket
        finally:
            await bucket._close()

    async def keep(self, upload: Path, job: str) -> None:
        """See `Videos`: the storage has acknowledged all of it when this returns."""
        size = await asyncio.to_thread(os.path.getsize, upload)
        await self._run(self._put(upload, size, job))

    async def _put(self, upload: Path, size: int, job: str) -> None:
        await self._system._put_file(str(upload), self._path(job), chunksize=PART_BYTES)
        found = (await self._system._info(self._path(job)))["size"]
        if found != size:
            raise OSError(f"of a video of {size} bytes {found} were stored")

    @asynccontextmanager
    async def at_hand(self, job: str, size: int) -> AsyncIterator[Path]:
        """See `Videos`. The file has no name, so that nothing of it is left when this process ends, however it does."""
        try:
            file = await asyncio.to_thread(self._nameless, size)
        except OSError as error:
            raise unavailable(error.strerror or str(error)) from error
        try:
            await self._run(self._get(job, size, file))
            yield Path(f"/proc/self/fd/{file.fileno()}")
        finally:
            file.close()

    def _nameless(self, size: int) -> FileIO:
        """A file that has its room on the disk. Raises OSError."""
        file = tempfile.TemporaryFile(dir=self.incoming, buffering=0)  # noqa: SIM115
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except BaseException:
            file.close()
            raise
        return file

    async def _get(self, job: str, size: int, file: FileIO) -> None:
        """Raises JobLostError when it is not there, or is removed meanwhile, which a cancelled job's is."""
        try:
            await self._copy(job, size, file)
        except FileNotFoundError as error:
            await self._reach()
            raise JobLostError(GONE) from error

    async def _copy(self, job: str, size: int, file: FileIO) -> None:
        """Not more than `size` bytes, whatever is there."""
        if (await self._system._info(self._path(job)))["size"] != size:
            raise JobLostError(GONE)
        for start in range(0, size, PART_BYTES):
            end = min(start + PART_BYTES, size)
            part = await self._system._cat_file(self._path(job), start=start, end=end)
            if len(part) != end - start or file.write(part) != len(part):
                raise OSError("less of a video came than was asked for")

    async def remove(self, job: str) -> None:
        """See `Videos`."""
        with suppress(ServiceError):
            await self._run(self._removed(job))

    async def _removed(self, job: str) -> None:
        async with asyncio.timeout(REMOVE_SECONDS):
            await self._system._rm_file(self._path(job))

    async def old(self) -> list[str]:
        """See `Videos`."""
        found = await self._run(self._system._find(self._root, detail=True))
        before = time.time() - LEFT_OVER_SECONDS
        names = {path.removeprefix(f"{self._root}/"): known["LastModified"] for path, known in found.items()}
        return [name for name, changed in names.items() if ID.fullmatch(name) and changed.timestamp() < before]

    def _path(self, job: str) -> str:
        if not ID.fullmatch(job):
            raise ValueError(f"no id of a job: {job!r}")
        return f"{self._root}/{job}"

    async def _reach(self) -> None:
        """Raises what the library does when the bucket cannot be reached, or is not there."""
        await self._system._call_s3("head_bucket", Bucket=self._root.partition("/")[0])

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises JobsStorageError and JobsUnavailableError in place of what the library does."""
        try:
            done = await self._thread.run(work)
        except self._errors as error:
            if not self._away:
                logger.warning("the bucket of jobs' videos: %s: %s", type(error).__name__, error)
            self._away = True
            raise _told(error) from error
        if self._away:
            self._away = False
            logger.info("the bucket of jobs' videos is back")
        return done

    async def _close(self) -> None:
        try:
            with suppress(*self._errors, ValueError):  # the last where there never was a session
                await self._thread.run(_end(self._system))
        finally:
            await asyncio.to_thread(self._thread.close)


def _libraries() -> tuple[Any, tuple[type[Exception], ...]]:
    """s3fs, which takes a second to import, and what it raises. Raises ImportError."""
    botocore, aiohttp = importlib.import_module("botocore.exceptions"), importlib.import_module("aiohttp")
    known = (OSError, botocore.BotoCoreError, botocore.ClientError, aiohttp.ClientError)
    return importlib.import_module("s3fs"), known


async def _end(system: Any) -> None:
    session = await system.set_session()
    await session.close()


def _told(error: Exception) -> ServiceError:
    """For the client. What the storage said may name hosts and keys: it is in the log."""
    answer = getattr(error.__cause__, "response", None) or {}
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status == FULL_STATUS or FULL.search(answer.get("Error", {}).get("Code", "")):
        return JobsStorageError("no space is left for the videos of jobs")
    return unavailable("their bucket cannot be reached, or refuses")
