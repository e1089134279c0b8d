"""The request's body to a file in a private directory, counted as it arrives, removed on every path."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request

from ...errors import (
    NotReadyError,
    ServiceError,
    StorageError,
    UploadError,
    UploadStalledError,
    UploadTooLargeError,
    VideoError,
)
from ...settings import Settings
from .multipart import FileForm
from .spool import Spool

# The client's name for the file is never used. Without an extension FFmpeg goes by content alone.
FILE_NAME = "video"
# Bytes collected before they are written, in a thread: a disk may be slow.
WRITE_BYTES = 1 << 20
MAX_HEADER_BYTES = 16 * 1024


@dataclass(frozen=True)
class Upload:
    """A received file."""

    path: Path
    size: int


@asynccontextmanager
async def receive(request: Request, spool: Spool, settings: Settings) -> AsyncIterator[Upload]:
    """The request's one file, on disk until the block is left.

    Raises UploadError, UploadTooLargeError, UploadStalledError, VideoError for an empty file, and StorageError or
    NotReadyError when the temporary directory is full or cannot be written.
    """
    _check_headers(request)
    async with AsyncExitStack() as stack:
        try:
            directory = await stack.enter_async_context(spool.directory())
        except OSError as error:
            raise _storage_error(error) from error
        yield await _receive_into(directory / FILE_NAME, request, settings)


def _check_headers(request: Request) -> None:
    """The parser itself refuses headers that come in pieces and grow too large, but accepts what arrives at once."""
    if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADER_BYTES:
        raise UploadError(f"more than {MAX_HEADER_BYTES} bytes of headers")


async def _receive_into(path: Path, request: Request, settings: Settings) -> Upload:
    try:
        with path.open("wb") as stream:
            size = await _copy(request, stream, settings)
    except OSError as error:
        raise _storage_error(error) from error
    if not size:
        raise VideoError("the file is empty")
    return Upload(path, size)


async def _copy(request: Request, stream: BinaryIO, settings: Settings) -> int:
    """Copy the file part's content to `stream`; returns its size."""
    waiting = bytearray()
    form = FileForm(request.headers.get("content-type"), waiting.extend)
    received = size = 0
    async for chunk in _chunks(request, settings.upload_timeout_seconds):
        received += len(chunk)
        if received > settings.max_upload_bytes:
            raise UploadTooLargeError(f"at most {settings.max_upload_bytes} bytes are accepted")
        form.feed(chunk)
        if len(waiting) >= WRITE_BYTES:
            size += await _flush(stream, waiting)
    form.finish()
    return size + await _flush(stream, waiting)


async def _chunks(request: Request, patience: float) -> AsyncIterator[bytes]:
    """The body's chunks. Raises UploadStalledError when the next takes longer than `patience` seconds."""
    chunks = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            request.state.body_read = True
            return
        except TimeoutError:
            raise UploadStalledError(f"nothing arrived for {patience:g} s") from None
        yield chunk


async def _flush(stream: BinaryIO, waiting: bytearray) -> int:
    data = bytes(waiting)
    waiting.clear()
    await asyncio.to_thread(stream.write, data)
    return len(data)


def _storage_error(error: OSError) -> ServiceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError("no space is left for uploads")
    return NotReadyError(f"uploads cannot be stored: {error.strerror or error}")
