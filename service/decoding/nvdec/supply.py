"""Which videos NVDEC decodes: the processes that drive it, one for each GPU, and how many videos each is given.

Use it in one event loop.
"""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Sequence
from contextlib import suppress

from ..pixels.grid import CropFormat
from ..sandbox.confinement import missing
from .capacity import sessions_of
from .client import Events, NvdecClient, UnavailableError
from .control import Closed
from .waiting import Waiting

logger = logging.getLogger(__name__)

# A process is replaced after so many videos, or so many damaged ones: what the driver may have leaked, or been made to,
# goes with it.
VIDEOS, DAMAGED_VIDEOS = 4000, 200
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.2, 60.0


class Supply:
    """Connections to NVDEC, as many at a time as keep it busy."""

    def __init__(self, gpus: Sequence[int], confined: bool) -> None:
        """`gpus`: their numbers, as CUDA counts. `confined`: only by processes that every mechanism confines."""
        self._gpus = gpus
        self._confined = confined
        self._current: dict[int, NvdecClient] = {}
        self._retired: set[NvdecClient] = set()
        self._waiting = Waiting()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reasons: dict[int, str] = {}
        self._worn: set[NvdecClient] = set()  # their successors are being started
        self._closed = False

    async def start(self) -> None:
        """Start a process for each GPU; returns when each decodes or is known not to. Raises UnavailableError if none
        does."""
        await asyncio.gather(*(self._launch(gpu) for gpu in self._gpus))
        if not self._current:
            raise UnavailableError("; ".join(self._reasons.values()))

    @property
    def reason(self) -> str:
        """What decodes, or why nothing does, in words."""
        if not self._current:
            return "; ".join(self._reasons.values())
        names = ", ".join(dict.fromkeys(client.ready.gpu for client in self._current.values()))
        return f"{self.units} decoder units of {names}"

    @property
    def available(self) -> bool:
        """Whether a process is there."""
        return bool(self._current)

    @property
    def lacking(self) -> str:
        """Mechanisms that do not confine each of its processes, in words; empty when all do."""
        return missing(
            {name: active for client in self._current.values() for name, active in client.ready.sandbox.items()}
        )

    @property
    def units(self) -> int:
        """Decoder units that there are."""
        return sum(client.ready.units for client in self._current.values())

    @property
    def busy(self) -> int:
        """How many it has now."""
        return sum(client.busy for client in [*self._current.values(), *self._retired])

    @property
    def sessions(self) -> int:
        """Connections that there may be at a time."""
        return sum(sessions_of(client.ready.units) for client in self._current.values())

    def take(self, crop: CropFormat, background: bool = False) -> socket.socket | None:
        """A decode child's end of a connection; None if others wait for one, each process has as many as it takes, or
        there is none. What is done in the background has half of them at most."""
        return None if self._waiting.is_before(background) else self._connect(crop, background)

    def _connect(self, crop: CropFormat, background: bool) -> socket.socket | None:
        if background and not self._spares_one:
            return None
        for client in sorted(self._current.values(), key=lambda client: client.free, reverse=True):
            if client.free:
                with suppress(OSError):  # it has just gone
                    return client.open(crop, background)
        return None

    @property
    def _spares_one(self) -> bool:
        """Whether the background may have one more."""
        return 2 * sum(client.in_background for client in self._current.values()) < self.sessions

    async def wait(self, crop: CropFormat, background: bool = False) -> socket.socket | None:
        """As `take`, but waits for its turn; None only when there is no process."""
        if (found := self.take(crop, background)) is not None:
            return found
        while self._current:
            await self._waiting.turn(background, self._next)
            found = self._connect(crop, background)
            if found is not None or background:  # there may be room for others where the background has its half
                self._next()
            if found is not None:
                return found
        return None

    def _next(self) -> None:
        """It is the turn of the first that waits, if there is one for whom there is room, or no process."""
        if not self._current or any(client.free for client in self._current.values()):
            self._waiting.call_next(background_may=not self._current or self._spares_one)

    async def _launch(self, gpu: int) -> bool:
        """Whether a process is there for the GPU."""
        events = Events(self._served, lambda client, reason: self._lost(gpu, client, reason))
        try:
            client = await NvdecClient.launch(gpu, events)
        except UnavailableError as error:
            self._reasons[gpu] = str(error)
            return False
        if self._confined and (lacking := missing(client.ready.sandbox)):
            self._reasons[gpu] = f"R3D_SANDBOX=required, but the process that would drive it has no {lacking}"
            await client.kill()
            return False
        if (old := self._current.get(gpu)) is not None:
            self._retire(old)
        self._current[gpu] = client
        self._next()
        return True

    def _served(self, client: NvdecClient, _: Closed) -> None:
        gpu = next((gpu for gpu, each in self._current.items() if each is client), None)
        if gpu is None and not client.busy:
            self._retire(client)
        elif gpu is not None and client not in self._worn and _is_worn(client):
            logger.info("replacing the process that drives NVDEC of GPU %d after %d videos", gpu, client.opened)
            self._worn.add(client)
            self._spawn(self._replace(gpu))
        self._next()

    def _retire(self, client: NvdecClient) -> None:
        """Let a process end, once it has served the children that it has."""
        self._worn.discard(client)
        if client.busy:
            self._retired.add(client)
        else:
            self._retired.discard(client)
            self._spawn(client.kill())

    def _lost(self, gpu: int, client: NvdecClient, reason: str) -> None:
        self._retired.discard(client)
        if self._current.get(gpu) is not client:
            return
        del self._current[gpu]
        self._reasons[gpu] = reason
        if not self._closed:
            logger.warning("the process that drives NVDEC of GPU %d ended (%s): the CPU takes its videos", gpu, reason)
            self._spawn(self._replace(gpu))
        self._next()

    async def _replace(self, gpu: int) -> None:
        pause = RETRY_SECONDS
        while not await self._launch(gpu):
            logger.warning("NVDEC of GPU %d cannot be used: %s", gpu, self._reasons[gpu])
            await asyncio.sleep(pause)
            pause = min(pause * 4, LONGEST_RETRY_SECONDS)
        logger.info("NVDEC of GPU %d decodes again", gpu)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every process."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        clients = [*self._current.values(), *self._retired]
        self._current.clear()
        await asyncio.gather(*(client.kill() for client in clients))
        self._next()


def _is_worn(client: NvdecClient) -> bool:
    return client.opened >= VIDEOS or client.damaged >= DAMAGED_VIDEOS
