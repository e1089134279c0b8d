"""The parent's end of one decode child: clips on request, every message checked.

A child decodes only while the parent waits for a clip, and the parent waits only while it holds a decode slot: so the
slots bound how many videos are decoded at once, and after each clip a slot goes to who is next.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
from pydantic import ValidationError

from engine_builder.manifest import Frames

from ..errors import (
    DecoderCrashedError,
    FrameRateError,
    FrameTooLargeError,
    ServiceError,
    UnsupportedMediaError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)
from .lease import Lease
from .messages import (
    LENGTHS,
    MAX_HEADER_BYTES,
    MESSAGES,
    NEWCOMER_ASKS,
    NEXT,
    ClipSpan,
    Ended,
    ErrorKind,
    Failed,
    Fallback,
    Job,
    Message,
    Opened,
    Progress,
)
from .slots import Slots

logger = logging.getLogger(__name__)

ERRORS: dict[ErrorKind, type[ServiceError]] = {
    "unsupported": UnsupportedMediaError,
    "undecodable": VideoError,
    "too-short": VideoTooShortError,
    "too-long": VideoTooLongError,
    "frames-too-large": FrameTooLargeError,
    "frame-rate": FrameRateError,
    "memory": DecoderCrashedError,
    "time": DecoderCrashedError,
}

Answer = ClipSpan | Ended | Fallback | Failed
OnProgress = Callable[[float | None], None]

# A child at work says so every second.
STALLED_SECONDS = 20.0
HUNG_SECONDS = 60.0


class ProtocolError(Exception):
    """The child sent what no honest child sends."""


class ClipStream:
    """A video being decoded: iterate `clips` once, in the event loop.

    `opened` is set before the first clip, `ended` after the last; `clip_seconds` is how long the last clip had a slot.
    """

    def __init__(
        self,
        job: Job,
        connection: socket.socket,
        slots: Slots,
        on_progress: OnProgress | None = None,
        background: bool = False,
        to_cores: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`connection`, non-blocking, leads to a child that works on `job`; `slots` are the decode slots.

        `on_progress` is called with `progress` when the child says how far it is, between clips that take long.
        `background`: it lets other videos have the slots first. `to_cores` if NVDEC decodes the video, which takes none
        of the slots: awaited before the cores decode it instead.
        """
        self._job = job
        self._connection = connection
        self._slots = slots
        self._to_cores = to_cores
        # NVDEC's videos wait for none of the cores.
        self._nvdec_slots = Slots(1) if to_cores is not None else None
        self._on_progress = on_progress
        self._background = background
        self._frames = 0
        self._asked = 0
        self.clip_seconds = 0.0
        self.opened: Opened | None = None
        self.ended: Ended | None = None

    @property
    def progress(self) -> float | None:
        """About how much of the video is decoded, 0 to 1; None if its container does not say how long it is."""
        expected = self.opened.frames if self.opened else 0
        return min(1.0, self._frames / expected) if expected else None

    async def clips(self) -> AsyncIterator[tuple[ClipSpan, Frames]]:
        """Each clip with its frames, uint8 [T, H, W, 3], which the caller then owns.

        Raises the ServiceError that the child reports, EOFError when the connection ends, and ProtocolError.
        """
        while True:
            message, frames = await self._ask()
            if isinstance(message, Failed):
                raise ERRORS[message.error](message.detail)
            if isinstance(message, Fallback):
                await self._fall_back(message)
                continue
            if isinstance(message, Ended):
                self.ended = message
                return
            yield message, frames

    async def _fall_back(self, message: Fallback) -> None:
        """What comes next takes a decode slot."""
        to_cores, self._to_cores = self._to_cores, None
        if to_cores is None:
            raise ProtocolError("fallback out of order")
        # The words are of a process that has met untrusted bytes.
        logger.debug("decoded on the CPU, not by NVDEC: %s (%r)", message.reason, message.detail)
        self._nvdec_slots = None
        await to_cores()

    async def _ask(self) -> tuple[Answer, Frames]:
        """Ask for a clip, and receive what the child answers, while holding a decode slot.

        A child that says nothing for `STALLED_SECONDS`, stopped by the system for one, loses the slot to others.
        """
        newcomer, self._asked = self._asked < NEWCOMER_ASKS, self._asked + 1
        async with Lease(self._nvdec_slots or self._slots, STALLED_SECONDS, newcomer, self._background) as lease:
            started = time.monotonic()
            try:
                async with asyncio.timeout(HUNG_SECONDS) as hung:
                    return await self._next(lease, hung)
            except TimeoutError:
                raise DecoderCrashedError(f"took too long: no frame was decoded for {HUNG_SECONDS:g} s") from None
            finally:
                self.clip_seconds = time.monotonic() - started

    async def _next(self, lease: Lease, hung: asyncio.Timeout) -> tuple[Answer, Frames]:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._connection, NEXT)
            while True:
                message, frames = await self._receive()
                if isinstance(message, ClipSpan | Ended) and self.opened is None:
                    break
                if isinstance(message, ClipSpan):
                    self._frames = message.end_frame
                if isinstance(message, Answer):
                    return message, frames
                if isinstance(message, Opened):
                    if self.opened is not None:
                        break
                    self.opened = message
                else:
                    self._goes_on(message)
                lease.renew()
                hung.reschedule(loop.time() + HUNG_SECONDS)
        except OSError as error:
            raise EOFError("the decoder closed the connection") from error
        raise ProtocolError(f"{message.kind} out of order")

    def _goes_on(self, message: Progress) -> None:
        self._frames = message.frames
        if self._on_progress is not None:
            self._on_progress(self.progress)

    async def _receive(self) -> tuple[Message, Frames]:
        """One message, and the clip behind it; no frames for anything but a clip."""
        header_length, frames_length = LENGTHS.unpack((await self._read(LENGTHS.size)).data)
        if header_length > MAX_HEADER_BYTES:
            raise ProtocolError("message too long")
        try:
            message = MESSAGES.validate_json((await self._read(header_length)).tobytes())
        except ValidationError as error:
            raise ProtocolError("malformed message") from error
        if isinstance(message, ClipSpan) and message.sampling >= len(self._job.samplings):
            raise ProtocolError("clip of no sampling")
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
