"""Actors on a Ray cluster, each with a pipeline of its own, and who of them works on which file."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError

from ..api.problem import TYPE_PREFIX
from ..api.schemas import ClassifyAnswer
from ..batch.local import local
from ..batch.outcome import FileClassifier, OnProgress, Options, Refusal, unheard
from ..environment import settings_from_environment
from ..errors import StartupError

logger = logging.getLogger(__name__)

# An actor that is lost so often while it loads is no accident.
STARTS = 3


class Pipeline:
    """What an actor is: the service's pipeline, on whatever node Ray has put it. Several files at a time."""

    async def open(self, options: Options) -> None:
        """Load. Raises StartupError."""
        self._stack = AsyncExitStack()  # never closed: the process is killed
        opening = local(settings_from_environment(), options)
        self._classify = await self._stack.enter_async_context(opening)

    async def classify(self, video: Path) -> ClassifyAnswer | tuple[Any, ...]:
        """Classify one file; the values of a Refusal for one that was not."""
        try:
            return await self._classify(video, unheard)
        except OSError as error:
            return astuple(Refusal.unreadable(error))
        except Refusal as refusal:
            return astuple(refusal)


@dataclass(frozen=True)
class Size:
    """How many actors, what each has for itself, how many files it works on at a time, and its `R3D_...` settings."""

    replicas: int
    cpus: float
    gpus: float
    jobs: int
    settings: Mapping[str, str]


class Actors:
    """As many actors as Ray has room for, up to `size.replicas`.

    One that is lost, alone or with its node, is replaced when there is room, and its files go to others.
    """

    def __init__(self, options: Options, size: Size) -> None:
        self._options = options
        self._jobs = size.jobs
        self._kind = ray.remote(num_cpus=size.cpus, num_gpus=size.gpus, scheduling_strategy="SPREAD")(Pipeline).options(
            runtime_env={"env_vars": dict(size.settings)}
        )
        # An actor stands here once for each file that it may take.
        self._free: asyncio.Queue[ActorHandle | StartupError] = asyncio.Queue()
        self._alive: set[ActorHandle] = set()
        self._starting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """One more, when there is room."""
        task = asyncio.create_task(self._start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        for _ in range(STARTS):
            actor = self._kind.remote()
            self._alive.add(actor)
            try:
                await actor.open.remote(self._options)
            except RayActorError as error:
                self._lost(actor, error)
            except StartupError as error:
                self._free.put_nowait(error)
                return
            else:
                for _ in range(self._jobs):
                    self._free.put_nowait(actor)
                return
        self._free.put_nowait(StartupError(f"an actor was lost {STARTS} times while it loaded"))

    def _lost(self, actor: ActorHandle, error: RayActorError) -> None:
        self._alive.discard(actor)
        ray.kill(actor)  # it may be alive where nobody reaches it
        logger.warning("an actor was lost: %s", error)

    async def classify(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        """See `FileClassifier`."""
        actor = await self._next()
        try:
            given = await actor.classify.remote(video)
        except RayActorError as error:
            if actor in self._alive:  # the first of its files that is told
                self._lost(actor, error)
                self.start()
            raise Refusal(f"{TYPE_PREFIX}actor-lost", "Actor lost", 0, str(error), 0) from error
        self._free.put_nowait(actor)
        if isinstance(given, ClassifyAnswer):
            return given
        raise Refusal(*given)

    async def _next(self) -> ActorHandle:
        while True:
            found = await self._free.get()
            if isinstance(found, StartupError):
                self._free.put_nowait(found)  # for the others that wait
                raise found
            if found in self._alive:
                return found

    def close(self) -> None:
        """End them at once."""
        for task in self._starting:
            task.cancel()
        for actor in self._alive:
            ray.kill(actor)


@asynccontextmanager
async def on_ray(options: Options, size: Size) -> AsyncIterator[FileClassifier]:
    """Actors on the cluster that `RAY_ADDRESS` names, or on this machine, for the length of a block.

    The classifier raises StartupError when the model does not load on one of the nodes.
    """
    actors = Actors(options, size)
    try:
        for _ in range(size.replicas):
            actors.start()
        yield actors.classify
    finally:
        actors.close()
