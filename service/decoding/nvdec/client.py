"""The service's connection to one process that drives NVDEC: decode children out, and that they are served back."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from ..pixels.grid import CropFormat
from ..spawning import spawn
from .capacity import sessions_of
from .control import ANSWERS, MAX_PACKET, Broken, Closed, Open, Ready, Unavailable
from .packages import missing_package

SERVER_MODULE = f"{__package__}.process"
# Loading takes a second or two; on a machine that is busy with everything else at once, some more.
START_SECONDS = 60.0
# Of the service's environment: no key, no address, nothing that the driver does not look for.
ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
ENVIRONMENT_PREFIXES = ("CUDA_", "NVIDIA_", "LC_")


class UnavailableError(Exception):
    """NVDEC cannot be used; the text says why."""


@dataclass(frozen=True)
class Events:
    """What happens to a client, told in the event loop."""

    closed: Callable[["NvdecClient", Closed], None]
    lost: Callable[["NvdecClient", str], None]


class NvdecClient:
    """One process; `alive` until it stops to answer. Use it in the event loop it was started in."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket, events: Events) -> None:
        self._process = process
        self._control = control
        self._events = events
        self._listener: asyncio.Task[None] | None = None
        self._reason = "it ended"
        self._open: dict[int, bool] = {}  # whether in the background, by number
        self.opened = 0
        self.damaged = 0
        self.ready = Ready(gpu="", units=0, sandbox={})
        self.alive = False

    @classmethod
    async def launch(cls, gpu: int, events: Events) -> "NvdecClient":
        """Start a process for the GPU of that number; returns when it can decode. Raises UnavailableError."""
        if (lacking := missing_package()) is not None:
            raise UnavailableError(lacking)
        try:
            process, control = spawn(SERVER_MODULE, environment_of(os.environ), str(gpu))
        except OSError as error:
            raise UnavailableError(f"its process cannot be started: {error}") from error
        client = cls(process, control, events)
        try:
            async with asyncio.timeout(START_SECONDS):
                await client._wait_until_ready()
        except TimeoutError:
            await client.kill()
            raise UnavailableError(f"its process was not ready within {START_SECONDS:g} s") from None
        except BaseException:  # also when the start is cancelled: nothing may be left running
            await client.kill()
            raise
        return client

    async def _wait_until_ready(self) -> None:
        packet = await asyncio.get_running_loop().sock_recv(self._control, MAX_PACKET)
        answer = ANSWERS.validate_json(packet) if packet else None
        if isinstance(answer, Unavailable):
            raise UnavailableError(answer.reason)
        if not isinstance(answer, Ready):
            raise UnavailableError("its process ended while it was starting")
        self.ready = answer
        self.alive = True
        self._listener = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def free(self) -> int:
        """How many decode children more it may serve now."""
        return max(0, sessions_of(self.ready.units) - len(self._open)) if self.alive else 0

    @property
    def busy(self) -> int:
        """How many it serves."""
        return len(self._open)

    @property
    def in_background(self) -> int:
        """How many of these nobody waits for."""
        return sum(self._open.values())

    def open(self, crop: CropFormat, background: bool = False) -> socket.socket:
        """The end of a connection for one decode child. Raises OSError when the process is gone."""
        theirs, ours = socket.socketpair()
        with ours:
            number = self.opened + 1
            try:
                packet = Open(number=number, crop=crop).model_dump_json().encode()
                socket.send_fds(self._control, [packet], [ours.fileno()])
            except OSError:
                theirs.close()
                raise
        self.opened = number
        self._open[number] = background
        return theirs

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # as good as the end
            while packet := await loop.sock_recv(self._control, MAX_PACKET):
                answer = ANSWERS.validate_json(packet)
                if isinstance(answer, Closed):
                    self._open.pop(answer.number, None)
                    self.damaged += answer.damaged
                    self._events.closed(self, answer)
                elif isinstance(answer, Broken):
                    self._reason = answer.reason
        self.alive = False
        self._control.close()
        self._open.clear()
        self._events.lost(self, self._reason)
        await asyncio.to_thread(self._process.wait)

    async def kill(self) -> None:
        """End the process at once; returns when it is gone."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        self.alive = False
        self._control.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)


def environment_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What the process gets of the service's environment."""
    return {
        name: value
        for name, value in environment.items()
        if name in ENVIRONMENT or name.startswith(ENVIRONMENT_PREFIXES)
    }
