"""The parent's side of decoding: one child for each video, forked by the fork server, killed when no longer wanted."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ..errors import DecoderCrashedError, DecoderUnavailableError, ServiceError, StartupError
from ..settings import SandboxPolicy
from .clip_stream import ClipStream, OnProgress, ProtocolError
from .fork_client import RETRY, Child, ForkClient
from .messages import Job
from .sandbox.confinement import Sandbox, missing
from .slots import Slots

logger = logging.getLogger(__name__)

# A child whose connection ended is ending too; one that is still there after this long only pretends.
EXIT_SECONDS = 2.0

DECODER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # Every arena of a thread takes address space, which is limited.
    "MALLOC_ARENA_MAX": "2",
    # Pictures of the same size come and go: memory that is given back to the system in between costs a fifth of the
    # time that a frame's conversion takes.
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}


class Decoder:
    """Decodes videos, each in a confined child process. Use it in the event loop it was started in.

    At most `open_slots` videos are open at a time, and `decode_slots` of them decode; a decode slot changes hands with
    every clip.
    """

    def __init__(self, decode_slots: int, open_slots: int, sandbox: SandboxPolicy = "best-effort") -> None:
        self._decode_slots = Slots(decode_slots)
        self._open_slots = asyncio.Semaphore(open_slots)
        self._required = sandbox == "required"
        self._open = 0
        self._client: ForkClient | None = None
        self._starting = asyncio.Lock()
        self._replacing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def open_videos(self) -> int:
        """Videos that are open now."""
        return self._open

    @property
    def sandbox(self) -> Sandbox:
        """Which mechanisms confine the children; empty before the start."""
        return {} if self._client is None else self._client.sandbox

    async def start(self) -> ForkClient:
        """Start the fork server, unless one is alive; returns when it can fork.

        Raises StartupError, also when the sandbox is required and this system has not all of it.
        """
        async with self._starting:
            if self._client is not None and self._client.alive:
                return self._client
            if self._client is not None:
                await self._client.close()
            try:
                self._client = await ForkClient.launch(DECODER_ENVIRONMENT, self._lost)
            except OSError as error:
                raise StartupError(f"the decode server cannot be started: {error}") from error
            self._check_sandbox(self._client.sandbox)
            return self._client

    def _check_sandbox(self, sandbox: Sandbox) -> None:
        active = ", ".join(name.replace("_", " ") for name, there in sandbox.items() if there)
        lacking = missing(sandbox)
        if lacking and self._required:  # each child checks again, and decodes nothing
            raise StartupError(f"R3D_SANDBOX=required, but this system has no {lacking}")
        level = logging.WARNING if lacking else logging.INFO
        logger.log(level, "decoders are confined by %s%s", active, f"; missing: {lacking}" if lacking else "")

    def _lost(self) -> None:
        """The fork server ended by itself: start another at once."""
        if not self._closed:
            logger.warning("the decode server ended, and with it the videos that were being decoded; starting another")
            self._replacing = asyncio.create_task(self._replace())

    async def _replace(self) -> None:
        try:
            await self.start()
        except StartupError as error:  # the next video tries again
            logger.error("no decode server: %s", error)

    async def close(self) -> None:
        """End the fork server and every child."""
        self._closed = True
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait([self._replacing])
        if self._client is not None:
            await self._client.close()

    @asynccontextmanager
    async def open(
        self, job: Job, on_progress: OnProgress | None = None, background: bool = False
    ) -> AsyncIterator[ClipStream]:
        """Decode in a child of its own, which ends with the block. The rest is as for `ClipStream`.

        Raises DecoderCrashedError when the child dies, DecoderUnavailableError when there is none for a reason that is
        not the video's, and from the stream whatever is wrong with the video.
        """
        await self._open_slots.acquire()
        try:
            client, child, ours = await self._fork(job)
        except BaseException:
            self._open_slots.release()
            raise
        # A child holds its slot until it is gone.
        child.ended.add_done_callback(lambda _: self._open_slots.release())
        self._open += 1
        try:
            with ours:
                stream = ClipStream(job, ours, self._decode_slots, on_progress, background)
                async with _supervised(client, child, stream):
                    yield stream
        finally:
            self._open -= 1

    async def _fork(self, job: Job) -> tuple[ForkClient, Child, socket.socket]:
        """A child for the job, and our end of the connection to it."""
        client = await self._running_client()
        file = await _open_file(job.path)
        try:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with theirs:
                try:
                    job = job.model_copy(update={"require_sandbox": self._required})
                    return client, client.fork(job, theirs, file), ours
                except BaseException:
                    ours.close()
                    raise
        finally:
            os.close(file)

    async def _running_client(self) -> ForkClient:
        try:
            return await self.start()
        except StartupError as error:
            raise DecoderUnavailableError(str(error), RETRY) from error


async def _open_file(path: str) -> int:
    """In a thread: a disk may take its time."""
    try:
        return await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DecoderUnavailableError(f"the video's file cannot be opened ({error.strerror})", RETRY) from error


@asynccontextmanager
async def _supervised(client: ForkClient, child: Child, stream: ClipStream) -> AsyncIterator[None]:
    """Tell why a child failed; it is killed, and gone with the block, unless it has done its work and is leaving."""
    try:
        yield
    except EOFError:
        raise await _reason(client, child) from None
    except ProtocolError as error:
        raise DecoderCrashedError(f"the decoder broke its protocol: {error}") from error
    finally:
        client.kill(child)
        if stream.ended is None:
            with suppress(asyncio.CancelledError):
                await asyncio.shield(child.ended)


async def _reason(client: ForkClient, child: Child) -> ServiceError:
    """Why a child's connection ended; a child that only closed it is killed."""
    try:
        return await asyncio.wait_for(asyncio.shield(child.ended), EXIT_SECONDS)
    except TimeoutError:
        client.kill(child)
        await asyncio.shield(child.ended)
        return DecoderCrashedError("the decoder closed its connection and went on")
