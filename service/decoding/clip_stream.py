"""The parent's end of one decode child: clips on request, every message checked.

A child decodes only while the parent waits for a clip, and the parent waits only while it holds a decode slot: so the
slots bound how many videos are decoded at once, and after each clip a slot goes to whoever waits longest.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import numpy as np
from pydantic import ValidationError

from engine_builder.manifest import Frames

from ..errors import (
    DecoderCrashedError,
    FrameTooLargeError,
    ServiceError,
    UnsupportedMediaError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)
from .messages import LENGTHS, MAX_HEADER_BYTES, MESSAGES, NEXT, ClipSpan, Ended, ErrorKind, Failed, Job, Opened

ERRORS: dict[ErrorKind, type[ServiceError]] = {
    "unsupported": UnsupportedMediaError,
    "undecodable": VideoError,
    "too-short": VideoTooShortError,
    "too-long": VideoTooLongError,
    "frames-too-large": FrameTooLargeError,
    "memory": DecoderCrashedError,
    "time": DecoderCrashedError,
}


class ProtocolError(Exception):
    """The child sent what no honest child sends."""


class ClipStream:
    """A video being decoded: iterate `clips` once, in the event loop.

    `opened` is set before the first clip, `ended` after the last.
    """

    def __init__(self, job: Job, connection: socket.socket, slots: asyncio.Semaphore) -> None:
        """`connection`, non-blocking, leads to a child that works on `job`; `slots` are the decode slots."""
        self._job = job
        self._connection = connection
        self._slots = slots
        self.opened: Opened | None = None
        self.ended: Ended | None = None

    async def clips(self) -> AsyncIterator[tuple[ClipSpan, Frames]]:
        """Each clip with its frames, uint8 [T, H, W, 3], which the caller then owns.

        Raises the ServiceError that the child reports, EOFError when the connection ends, and ProtocolError.
        """
        while True:
            async with self._slots:
                message, frames = await self._next()
            if isinstance(message, Failed):
                raise ERRORS[message.error](message.detail)
            if isinstance(message, Ended):
                self.ended = message
                return
            yield message, frames

    async def _next(self) -> tuple[ClipSpan | Ended | Failed, Frames]:
        """Ask for a clip, and receive what the child answers."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, NEXT)
            message, frames = await self._receive()
            if isinstance(message, Opened) and self.opened is None:
                self.opened = message
                message, frames = await self._receive()
        except OSError as error:
            raise EOFError("the decoder closed the connection") from error
        if isinstance(message, Opened) or (self.opened is None and not isinstance(message, Failed)):
            raise ProtocolError(f"{message.kind} out of order")
        return message, frames

    async def _receive(self) -> tuple[Opened | ClipSpan | Ended | Failed, Frames]:
        """One message, and the clip behind it; no frames for anything but a clip."""
        header_length, frames_length = LENGTHS.unpack((await self._read(LENGTHS.size)).data)
        if header_length > MAX_HEADER_BYTES:
            raise ProtocolError("message too long")
        try:
            message = MESSAGES.validate_json((await self._read(header_length)).tobytes())
        except ValidationError as error:
            raise ProtocolError("malformed message") from error
        if frames_length != (self._job.clip_bytes if isinstance(message, ClipSpan) else 0):
            raise ProtocolError("clip of a wrong size")
        frames = await self._read(frames_length)
        return message, frames.reshape(-1, self._job.height, self._job.width, 3)

    async def _read(self, length: int) -> Frames:
        loop = asyncio.get_running_loop()
        data = np.empty(length, np.uint8)
        view, received = data.data, 0
        while received < length:
            count = await loop.sock_recv_into(self._connection, view[received:])
            if not count:
                raise EOFError("the decoder closed the connection")
            received += count
        return data
