"""The request's body to a file in a private directory, counted as it arrives, removed on every path."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request

from ...errors import (
    HeadersTooLargeError,
    NotReadyError,
    ServiceError,
    StorageError,
    UploadStalledError,
    UploadTooLargeError,
    VideoError,
)
from ...settings import Settings
from .body import body_of
from .patience import Patience
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
async def receive(
    request: Request, spool: Spool, settings: Settings, on_piece: Callable[[], None]
) -> AsyncIterator[Upload]:
    """The request's one file, on disk until the block is left; `on_piece` is called with each piece of it.

    Raises what `on_piece` does, HeadersTooLargeError, UploadError, UploadTooLargeError, UploadStalledError, VideoError
    for an empty file, and StorageError or NotReadyError when the temporary directory is full or cannot be written.
    """
    _check_headers(request)
    async with AsyncExitStack() as stack:
        try:
            directory = await stack.enter_async_context(spool.directory())
        except OSError as error:
            raise _storage_error(error) from error
        yield await _receive_into(directory / FILE_NAME, request, settings, on_piece)


def _check_headers(request: Request) -> None:
    """The parser itself refuses headers that come in pieces and grow too large, but accepts what arrives at once."""
    if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADER_BYTES:
        raise HeadersTooLargeError(f"at most {MAX_HEADER_BYTES} bytes of headers are accepted")


async def _receive_into(path: Path, request: Request, settings: Settings, on_piece: Callable[[], None]) -> Upload:
    try:
        with path.open("wb") as stream:
            size = await _copy(request, stream, settings, on_piece)
    except OSError as error:
        raise _storage_error(error) from error
    if not size:
        raise VideoError("the file is empty")
    return Upload(path, size)


async def _copy(request: Request, stream: BinaryIO, settings: Settings, on_piece: Callable[[], None]) -> int:
    """Copy the video to `stream`; returns its size."""
    waiting = bytearray()
    body = body_of(request.headers.get("content-type"), waiting.extend)
    received = size = 0
    async for chunk in _chunks(request, Patience(settings)):
        on_piece()
        received += len(chunk)
        if received > settings.max_upload_bytes:
            raise UploadTooLargeError(f"at most {settings.max_upload_bytes} bytes are accepted")
        body.feed(chunk)
        if len(waiting) >= WRITE_BYTES:
            size += await _flush(stream, waiting)
    body.finish()
    return size + await _flush(stream, waiting)


async def _chunks(request: Request, patience: Patience) -> AsyncIterator[bytes]:
    """The body's chunks. Raises UploadStalledError when they come too slowly."""
    chunks = aiter(request.stream())
    while True:
        seconds, complaint = patience.left()
        started = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            request.state.body_read = True
            return
        except TimeoutError:
            raise UploadStalledError(complaint) from None
        patience.arrived(len(chunk), time.monotonic() - started)
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
