"""The parent's side of decoding: one child a video, forked by the fork server, killed when it is no longer wanted."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from .decoding import Decoding
from .errors import DecoderCrashedError, NotReadyError
from .fork_link import ForkLink
from .media import DEMUXERS
from .messages import Job

# Videos that may be open for one that is decoded: they take turns, clip by clip, so that a short one need not wait
# until a long one is through. Each takes a process with a few frames.
OPEN_PER_WORKER = 4
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


class Decoder:
    """Runs at most `workers` decode children at a time, and lets others take turns with them.

    Start it in the event loop that uses it.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._open = 0
        self._places = asyncio.Semaphore(workers * OPEN_PER_WORKER)
        self._turns = asyncio.Semaphore(workers)
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

    def _threads(self) -> int:
        """A lone video gets the idle CPUs; among several, a thread each wastes the least."""
        return max(1, min(MAX_THREADS, self._workers // (self._open + 1)))

    @asynccontextmanager
    async def open(self, job: Job, spare_cpus: bool = True) -> AsyncIterator[Decoding]:
        """Decode in a child of its own, which is gone when the block is left. `spare_cpus`: nothing else wants the
        CPUs that other videos leave, so it may use several threads, each of which makes a frame dearer.

        Raises DecoderCrashedError when the child dies, and whatever the video's fault is.
        """
        async with self._places:
            await self.start()
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with ours:
                with theirs:
                    threads = self._threads() if spare_cpus else 1
                    link, number, status = await self._fork(job.model_copy(update={"threads": threads}), theirs)
                decoding = Decoding(job, ours, self._turns)
                self._open += 1
                try:
                    yield decoding
                except EOFError:
                    raise crash_reason(await status) from None
                finally:
                    self._open -= 1
                    await decoding.close()
                    ours.close()
                    link.kill(number)
                    # A child holds its place until it is gone.
                    with suppress(asyncio.CancelledError):
                        await asyncio.shield(status)

    async def _fork(self, job: Job, connection: socket.socket) -> tuple[ForkLink, int, asyncio.Future[int]]:
        """Start a child when it is its turn: the turn is held on return."""
        await self._turns.acquire()
        try:
            if self._link is None:
                raise NotReadyError("the decoder is not running")
            return self._link, *self._link.fork(job, connection)
        except BaseException:
            self._turns.release()
            raise


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
