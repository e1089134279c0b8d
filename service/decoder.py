"""The parent's side of decoding: one child a video, forked by the fork server, killed when it is no longer wanted."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from .errors import (
    DecoderCrashedError,
    FrameTooLargeError,
    NotReadyError,
    ServiceError,
    UnsupportedMediaError,
    VideoError,
    VideoTooLongError,
    VideoTooShortError,
)
from .fork_link import ForkLink
from .media import DEMUXERS
from .messages import LENGTHS, MAX_HEADER_BYTES, MESSAGES, Clip, Ended, ErrorKind, Failed, Job, Opened

Frames = npt.NDArray[np.uint8]

# More gain little, and each takes frames' worth of memory.
MAX_THREADS = 4

# Options reach FFmpeg through OpenCV's environment only. Demuxers and protocols by name: a playlist or a script in a
# video's clothes opens nothing. More read attempts: a file may start with thousands of audio packets.
FFMPEG_ENVIRONMENT = {
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": f"protocol_whitelist;file|format_whitelist;{','.join(DEMUXERS)}",
    "OPENCV_FFMPEG_READ_ATTEMPTS": "100000",
    "OPENCV_LOG_LEVEL": "OFF",
    "OPENBLAS_NUM_THREADS": "1",
    # Every arena of a thread takes address space, which is limited.
    "MALLOC_ARENA_MAX": "2",
}

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

    def __init__(self, job: Job, connection: socket.socket) -> None:
        self._job = job
        self._connection = connection

    async def messages(self) -> AsyncIterator[tuple[Opened | Clip | Ended, Frames | None]]:
        """What the child sends; a clip comes with its frames, uint8 [T, H, W, 3], all yours.

        Ends after `Ended`. Raises the ServiceError the child reports; EOFError when it dies or sends nonsense.
        """
        while True:
            message, frames = await self._receive()
            if isinstance(message, Failed):
                raise ERRORS[message.error](message.detail)
            yield message, frames
            if isinstance(message, Ended):
                return

    async def _receive(self) -> tuple[Opened | Clip | Ended | Failed, Frames | None]:
        header_length, frames_length = LENGTHS.unpack((await self._read(LENGTHS.size)).data)
        if header_length > MAX_HEADER_BYTES:
            raise EOFError("message too long")
        try:
            message = MESSAGES.validate_json((await self._read(header_length)).tobytes())
        except ValidationError as error:
            raise EOFError("malformed message") from error
        shape = (self._job.frames, self._job.height, self._job.width, 3)
        expected = int(np.prod(shape)) if isinstance(message, Clip) else 0
        if frames_length != expected:
            raise EOFError("clip of a wrong size")
        return message, (await self._read(expected)).reshape(shape) if expected else None

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


class Decoder:
    """Runs at most `workers` decode children at a time. Start it in the event loop that uses it."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._running = 0
        self._slots = asyncio.Semaphore(workers)
        self._link: ForkLink | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Start the fork server, unless one is alive; returns when it can fork."""
        async with self._starting:
            if self._link is not None and self._link.alive:
                return
            if self._link is not None:
                await self._link.close()
            self._link = await _launch()

    async def close(self) -> None:
        """End the fork server and every child."""
        if self._link is not None:
            await self._link.close()

    def _with_threads(self, job: Job) -> Job:
        """A lone video gets the idle CPUs; among several, a thread each wastes the least."""
        return job.model_copy(update={"threads": max(1, min(MAX_THREADS, self._workers // (self._running + 1)))})

    @asynccontextmanager
    async def open(self, job: Job) -> AsyncIterator[Decoding]:
        """Decode in a child of its own, which is gone when the block is left.

        Raises DecoderCrashedError when the child dies, and whatever the video's fault is.
        """
        async with self._slots:
            await self.start()
            link = self._link
            if link is None:
                raise NotReadyError("the decoder is not running")
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with ours:
                with theirs:
                    number, status = link.fork(self._with_threads(job), theirs)
                self._running += 1
                try:
                    yield Decoding(job, ours)
                except EOFError:
                    raise crash_reason(await status) from None
                finally:
                    self._running -= 1
                    ours.close()
                    link.kill(number)
                    # A child holds its slot until it is gone.
                    with suppress(asyncio.CancelledError):
                        await asyncio.shield(status)


async def _launch() -> ForkLink:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with theirs:
        # Not through asyncio, and in this thread: the server dies with the thread that started it.
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-m", f"{__package__}.fork_server", str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=os.environ | FFMPEG_ENVIRONMENT,
        )
    link = ForkLink(process, ours)
    try:
        await link.ready()
    except BaseException:  # also when the start is cancelled: nothing may be left running
        await link.close()
        raise
    return link


def crash_reason(status: int) -> DecoderCrashedError:
    """The error for a child that ended with this status (negative: the signal) without saying why."""
    if status == -signal.SIGXCPU:
        return DecoderCrashedError("took too long: decoding used more processor time than it may")
    if status == -signal.SIGKILL:
        return DecoderCrashedError("too much memory: decoding was killed by the system")
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    return DecoderCrashedError(f"decoder crashed ({name})")
