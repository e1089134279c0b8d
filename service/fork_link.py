"""The connection to a fork server process: jobs out, exit statuses back."""

import asyncio
import json
import logging
import signal
import socket
import subprocess
from contextlib import suppress

from .errors import DecoderCrashedError, StartupError
from .messages import Job

logger = logging.getLogger(__name__)

MAX_PACKET = 4096


class ForkLink:
    """One fork server. Every status future settles: with the child's status, or SIGKILL's if the server dies."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._statuses: dict[int, asyncio.Future[int]] = {}
        self._jobs = 0
        self._listener: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self._listener is not None and not self._listener.done()

    async def ready(self) -> None:
        """Wait until the server can fork. Raises StartupError when it ends instead."""
        packet = await asyncio.get_running_loop().sock_recv(self._control, MAX_PACKET)
        if not packet:
            raise StartupError(f"the decode server ended with status {self._process.wait()}")
        if json.loads(packet)["networked"]:
            logger.warning(
                "this system allows no network namespaces: decoders are kept off the network by filters alone"
            )
        self._listener = asyncio.create_task(self._listen())

    def fork(self, job: Job, connection: socket.socket) -> tuple[int, asyncio.Future[int]]:
        """Start a child with its end of `connection`; the job's number, and its exit status when it has ended."""
        self._jobs += 1
        number = self._jobs
        packet = json.dumps({"job": number, "run": job.model_dump()}).encode()
        try:
            socket.send_fds(self._control, [packet], [connection.fileno()])
        except OSError as error:
            raise DecoderCrashedError("the decode server does not respond") from error
        self._statuses[number] = asyncio.get_running_loop().create_future()
        return number, self._statuses[number]

    def kill(self, number: int) -> None:
        """Kill a child, if it is still there."""
        if number in self._statuses:
            with suppress(OSError):
                self._control.send(json.dumps({"kill": number}).encode())

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while packet := await loop.sock_recv(self._control, MAX_PACKET):
                answer = json.loads(packet)
                self._settle(self._statuses.pop(answer["job"]), answer["status"])
        except OSError:
            pass  # as good as the end
        else:
            await asyncio.to_thread(self._process.wait)
        finally:
            for status in self._statuses.values():
                self._settle(status, -signal.SIGKILL)
            self._statuses.clear()

    @staticmethod
    def _settle(status: asyncio.Future[int], value: int) -> None:
        if not status.done():
            status.set_result(value)

    async def close(self) -> None:
        """End the server, and with it every child; returns when it is gone."""
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        self._control.close()
        await asyncio.to_thread(self._process.wait)
