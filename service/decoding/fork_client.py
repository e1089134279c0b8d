"""The connection to a fork server process: jobs out, and how each one's child ended back."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import BaseModel

from ..errors import DecoderCrashedError, DecoderUnavailableError, ServiceError, StartupError
from .fork_messages import ANSWERS, MAX_PACKET, UNCONFINED, Exited, Fork, Kill, Ready, Refused
from .messages import Job
from .spawning import spawn

RETRY = {"Retry-After": "1"}
SERVER_MODULE = f"{__package__}.fork_server"


@dataclass(frozen=True)
class Child:
    """A decode child. `ended` always settles: with what a client is told if the end came without a word."""

    number: int
    ended: asyncio.Future[ServiceError] = field(repr=False)


class ForkClient:
    """One fork server; `alive` until it stops to answer. Use it in the event loop it was started in."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._ended: dict[int, asyncio.Future[ServiceError]] = {}
        self._jobs = 0
        self._listener: asyncio.Task[None] | None = None
        self.sandbox: dict[str, bool] = {}
        self.alive = False

    @classmethod
    async def launch(cls, environment: dict[str, str], on_lost: Callable[[], None]) -> "ForkClient":
        """Start a fork server with these variables added; returns when it can fork.

        `on_lost` is called in the event loop if it ends before it is closed. Raises StartupError, OSError.
        """
        process, control = spawn(SERVER_MODULE, os.environ | environment)
        client = cls(process, control)
        try:
            await client._wait_until_ready(on_lost)
        except BaseException:  # also when the start is cancelled: nothing may be left running
            await client.close()
            raise
        return client

    async def _wait_until_ready(self, on_lost: Callable[[], None]) -> None:
        packet = await asyncio.get_running_loop().sock_recv(self._control, MAX_PACKET)
        if not packet:
            raise StartupError(f"the decode server ended with status {self._process.wait()}")
        self.sandbox = Ready.model_validate_json(packet).sandbox
        self.alive = True
        self._listener = asyncio.create_task(self._listen(on_lost))

    def fork(self, job: Job, connection: socket.socket, file: int, nvdec: socket.socket | None = None) -> Child:
        """Start a child with its end of `connection` and the open file `file`, the job's.

        `nvdec`: its end of a connection to the process that drives NVDEC.

        Raises DecoderUnavailableError when the server is gone.
        """
        self._jobs += 1
        child = Child(self._jobs, asyncio.get_running_loop().create_future())
        try:
            job = job.model_copy(update={"nvdec": nvdec is not None})
            descriptors = [connection.fileno(), file] + ([] if nvdec is None else [nvdec.fileno()])
            socket.send_fds(self._control, [_packet(Fork(number=child.number, job=job))], descriptors)
        except OSError as error:
            raise DecoderUnavailableError("the decode server does not respond; send it again", RETRY) from error
        self._ended[child.number] = child.ended
        return child

    def kill(self, child: Child) -> None:
        """Kill a child, if it is still there."""
        if child.number in self._ended:
            with suppress(OSError):
                self._control.send(_packet(Kill(number=child.number)))

    async def _listen(self, on_lost: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            with suppress(OSError):  # as good as the end
                while packet := await loop.sock_recv(self._control, MAX_PACKET):
                    self._settle(packet)
            self.alive = False
            on_lost()
            await asyncio.to_thread(self._process.wait)
        finally:
            for ended in self._ended.values():
                _set(ended, DecoderUnavailableError("the decode server ended; send it again", RETRY))
            self._ended.clear()

    def _settle(self, packet: bytes) -> None:
        answer = ANSWERS.validate_json(packet)
        if isinstance(answer, Refused):
            reason = f"no process could be started to decode it ({answer.reason}); send it again"
            _set(self._ended.pop(answer.number), DecoderUnavailableError(reason, RETRY))
        elif isinstance(answer, Exited):
            _set(self._ended.pop(answer.number), explain_exit(answer.status))

    async def close(self) -> None:
        """End the server, and with it every child; returns when it is gone."""
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        self._control.close()
        await asyncio.to_thread(self._process.wait)


def _packet(message: BaseModel) -> bytes:
    return message.model_dump_json().encode()


def _set(ended: asyncio.Future[ServiceError], reason: ServiceError) -> None:
    if not ended.done():
        ended.set_result(reason)


def explain_exit(status: int) -> ServiceError:
    """The error for a child that ended with this status (negative: the signal) without saying why."""
    if status == -signal.SIGXCPU:
        return DecoderCrashedError("took too long: decoding used more processor time than it may")
    if status == UNCONFINED:
        return DecoderUnavailableError("the decoder could not be confined", RETRY)
    if status == -signal.SIGKILL:
        # Its own limits end a child in other ways: this machine is short of memory, or somebody killed it.
        return DecoderUnavailableError("the system killed the decoder, most likely for want of memory", RETRY)
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    return DecoderCrashedError(f"decoder crashed ({name})")
