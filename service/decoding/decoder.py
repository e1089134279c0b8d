"""The parent's side of decoding: one child for each video, forked by the fork server, killed when no longer wanted."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from ..errors import DecoderUnavailableError, StartupError
from ..settings import DecoderChoice, SandboxPolicy
from ..threads import made_in_thread
from .clip_stream import ClipStream, OnProgress
from .fork_client import RETRY, Child, ForkClient
from .messages import Job
from .nvdec.dispatch import Dispatch
from .place import Places
from .sandbox.confinement import Sandbox, missing
from .slots import Slots
from .supervision import supervised

logger = logging.getLogger(__name__)

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

    At most `open_slots` videos are open at a time on the cores, and `decode_slots` of them decode; a decode slot
    changes hands with every clip. A video that NVDEC decodes takes neither, until it falls back to the cores.
    """

    def __init__(
        self,
        decode_slots: int,
        open_slots: int,
        sandbox: SandboxPolicy = "best-effort",
        choice: DecoderChoice = "cpu",
        gpus: Sequence[int] = (),
    ) -> None:
        """`choice`: what decodes; `gpus`: whose NVDEC. See `Dispatch`."""
        self._required = sandbox == "required"
        self._decode_slots = Slots(decode_slots)
        self._nvdec = Dispatch(choice, gpus, decode_slots, self._required)
        self._places = Places(open_slots)
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

    @property
    def nvdec(self) -> tuple[bool, str]:
        """Whether NVDEC decodes, and what of it there is, or why it does not."""
        return self._nvdec.state

    @property
    def on_nvdec(self) -> int:
        """Videos that NVDEC decodes now."""
        return self._nvdec.busy

    @property
    def at_once(self) -> int:
        """Videos that may decode at a time, by NVDEC or on the cores."""
        return self._nvdec.at_once

    async def start(self) -> None:
        """Start what decodes; returns when it can.

        Raises StartupError, also when the sandbox is required and this system has not all of it, or NVDEC and it cannot
        be used.
        """
        await self._fork_client()
        await self._nvdec.start()

    async def _fork_client(self) -> ForkClient:
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
            await self._fork_client()
        except StartupError as error:  # the next video tries again
            logger.error("no decode server: %s", error)

    async def close(self) -> None:
        """End the fork server, every child, and what drives NVDEC."""
        self._closed = True
        await self._nvdec.close()
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
        place = self._places.place()
        nvdec = await self._nvdec.connect(job.crop, self._places.taken, background)
        if nvdec is None:
            await place.take()
        try:
            client, child, ours = await self._fork(job, nvdec)
        except BaseException:
            place.leave()
            raise
        finally:
            if nvdec is not None:
                nvdec.close()
        # A child holds its slot until it is gone.
        child.ended.add_done_callback(lambda _: place.leave())
        self._open += 1
        try:
            with ours:
                to_cores = place.take if nvdec is not None else None
                stream = ClipStream(job, ours, self._decode_slots, on_progress, background, to_cores)
                async with supervised(client, child, stream):
                    yield stream
        finally:
            self._open -= 1

    async def _fork(self, job: Job, nvdec: socket.socket | None) -> tuple[ForkClient, Child, socket.socket]:
        """A child for the job, and our end of the connection to it."""
        client = await self._running_client()
        try:
            file = await made_in_thread(partial(os.open, job.path, os.O_RDONLY | os.O_CLOEXEC), os.close)
        except OSError as error:
            raise DecoderUnavailableError(f"the video's file cannot be opened ({error.strerror})", RETRY) from error
        try:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with theirs:
                try:
                    job = job.model_copy(update={"require_sandbox": self._required})
                    return client, client.fork(job, theirs, file, nvdec), ours
                except BaseException:
                    ours.close()
                    raise
        finally:
            os.close(file)

    async def _running_client(self) -> ForkClient:
        try:
            return await self._fork_client()
        except StartupError as error:
            raise DecoderUnavailableError(str(error), RETRY) from error
