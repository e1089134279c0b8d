"""The parent's end of one decode child: its messages, checked, in turn with the other children.

A child decodes a clip ahead and then waits until its frames are taken. So whoever takes them decides which children
decode: taking a clip's frames costs a turn, which ends when the child has the next clip ready.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from .errors import (
    DecoderCrashedError,
    FrameTooLargeError,
    ServiceError,
    UnsupportedMediaError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)
from .messages import LENGTHS, MAX_HEADER_BYTES, MESSAGES, Clip, Ended, ErrorKind, Failed, Job, Opened

Frames = npt.NDArray[np.uint8]
Received = Opened | Clip | Ended | Failed

ERRORS: dict[ErrorKind, type[ServiceError]] = {
    "unsupported": UnsupportedMediaError,
    "undecodable": VideoError,
    "too-short": VideoTooShortError,
    "too-long": VideoTooLongError,
    "frames-too-large": FrameTooLargeError,
    "memory": DecoderCrashedError,
    "time": DecoderCrashedError,
}


class Decoding:
    """A video being decoded. Iterate `messages` once."""

    def __init__(self, job: Job, connection: socket.socket, turns: asyncio.Semaphore) -> None:
        """`connection` leads to a child that decodes; the caller has acquired `turns` for it once, and this object
        releases it."""
        self._job = job
        self._connection = connection
        self._turns = turns
        self._ahead = self._look_ahead()

    async def messages(self) -> AsyncIterator[tuple[Opened | Clip | Ended, Frames | None]]:
        """What the child sends; a clip comes with its frames, uint8 [T, H, W, 3], all yours.

        Ends after `Ended`. Raises the ServiceError the child reports; EOFError when it dies or sends nonsense.
        """
        while True:
            for message in await self._ahead:
                if isinstance(message, Failed):
                    raise ERRORS[message.error](message.detail)
                yield message, await self._take_frames() if isinstance(message, Clip) else None
                if isinstance(message, Ended):
                    return

    async def close(self) -> None:
        """Wait for nothing more, and give back a turn that is held."""
        self._ahead.cancel()
        with suppress(asyncio.CancelledError, EOFError, OSError):
            await self._ahead

    def _look_ahead(self) -> "asyncio.Task[list[Received]]":
        task = asyncio.create_task(self._until_it_waits())
        task.add_done_callback(lambda _: self._turns.release())
        return task

    async def _until_it_waits(self) -> list[Received]:
        """The next message; with `Opened`, after which the child goes on, the one behind it too."""
        messages = [await self._message()]
        if isinstance(messages[0], Opened):
            messages.append(await self._message())
            if isinstance(messages[1], Opened):
                raise EOFError("opened twice")
        return messages

    async def _take_frames(self) -> Frames:
        job = self._job
        await self._turns.acquire()
        try:
            frames = await self._read(job.clip_bytes)
        except BaseException:
            self._turns.release()
            raise
        self._ahead = self._look_ahead()
        return frames.reshape(job.frames, job.height, job.width, 3)

    async def _message(self) -> Received:
        header_length, frames_length = LENGTHS.unpack((await self._read(LENGTHS.size)).data)
        if header_length > MAX_HEADER_BYTES:
            raise EOFError("message too long")
        try:
            message = MESSAGES.validate_json((await self._read(header_length)).tobytes())
        except ValidationError as error:
            raise EOFError("malformed message") from error
        if frames_length != (self._job.clip_bytes if isinstance(message, Clip) else 0):
            raise EOFError("clip of a wrong size")
        return message

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
