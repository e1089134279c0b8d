"""Takes jobs up and has them worked on, a few at a time; counts, so that others see that this server lives."""

import asyncio
import logging
import secrets
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from ..errors import ServiceError
from .attempt import Attempt, Workplace
from .changes import LOOK_SECONDS, soon
from .job import Job
from .liveness import BEAT_SECONDS, Liveness, Watch
from .retention import Retention

logger = logging.getLogger(__name__)

CENSUS_SECONDS = 15.0
# What a server that ends has to hear of what it takes up at that moment.
TAKE_SECONDS = 5.0
# Looks for what is to be forgotten, one in so many counts of the jobs.
FORGET_EVERY = 4


class Runner:
    """Use it in the classifier's event loop."""

    def __init__(self, at: Workplace, liveness: Liveness, retention: Retention, limit: int) -> None:
        """`limit`: jobs worked on at a time."""
        self._at = at
        self._liveness = liveness
        self._retention = retention
        self._limit = limit
        self._server = _name()
        self._watch = Watch()
        self._attempts: dict[asyncio.Task[str], Attempt] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._removals: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._draining = False

    async def start(self) -> None:
        """Begin to work. Raises JobsUnavailableError."""
        await self._liveness.enter(self._server)
        loops = (self._take_jobs(), self._beat(), self._let_go_of_cancelled(), self._keep_house())
        self._loops = [asyncio.create_task(_surviving(loop)) for loop in loops]

    def wake(self) -> None:
        """A job was put in."""
        self._wake.set()

    def let_go(self, job: str) -> None:
        """The job was cancelled."""
        for attempt in self._attempts.values():
            if attempt.job.id == job:
                attempt.lose()

    def drain(self) -> None:
        """Take no more up."""
        self._draining = True

    async def close(self) -> None:
        """Give back what is worked on, and count no more."""
        self._draining = True
        self._wake.set()
        if self._loops:  # what is being taken up at this moment is to be given back, too
            await asyncio.wait(self._loops[:1], timeout=TAKE_SECONDS)
        tasks = (*self._loops, *self._removals, *self._attempts)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(ServiceError):
            await self._liveness.leave(self._server)

    async def _take_jobs(self) -> None:
        while not self._draining:
            self._wake.clear()
            if (free := self._free()) > 0:
                with suppress(ServiceError):
                    for job in await self._at.assignments.take(self._server, free, idle=not self._attempts):
                        self._begin(job)
            await soon(self._wake)  # for what came to other servers, or was given back by them, too

    def _free(self) -> int:
        """How many more may be taken up: none beside one that may be why a server was lost."""
        if any(attempt.job.strikes for attempt in self._attempts.values()):
            return 0
        return self._limit - len(self._attempts)

    def _begin(self, job: Job) -> None:
        attempt = Attempt(self._at, job, self._server)
        task = asyncio.create_task(attempt.run())
        self._attempts[task] = attempt
        task.add_done_callback(self._ended)
        self._at.changes.tell(job.id)

    def _ended(self, task: "asyncio.Task[str]") -> None:
        del self._attempts[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("an attempt ended in a way that was not foreseen", exc_info=error)
        self._wake.set()

    async def _beat(self) -> None:
        while True:
            with suppress(ServiceError):
                await self._beat_once()
            await asyncio.sleep(BEAT_SECONDS)

    async def _beat_once(self) -> None:
        others = await self._liveness.beat(self._server)
        if others is None:
            await self._begin_anew()
            return
        back = await self._liveness.take_back(self._watch.look(others), time.time())
        if lost := [*back.again, *back.failed]:
            logger.warning("jobs of a server that is lost: %d begun anew, %d failed", len(back.again), len(back.failed))
            self._at.metrics.jobs_taken_back.inc(len(lost))
            self._wake.set()
        for job in back.failed:
            self._remove(job)
        for job in lost:
            self._at.changes.tell(job)

    def _remove(self, job: str) -> None:
        """A job's video, meanwhile: storage that is away must not keep this server from counting."""
        task = asyncio.create_task(self._at.videos.remove(job))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _let_go_of_cancelled(self) -> None:
        """End attempts at jobs that were cancelled on another server."""
        while True:
            attempts = list(self._attempts.values())
            with suppress(ServiceError):
                taken = await self._at.assignments.taken(self._server)
                for attempt in attempts:
                    if attempt.job.id not in taken:
                        attempt.lose()
            await asyncio.sleep(LOOK_SECONDS)

    async def _begin_anew(self) -> None:
        """Another server took this one for lost, and its jobs: it was stopped for a while, or cut off."""
        logger.warning("another server took this one for lost; it begins anew")
        for attempt in self._attempts.values():
            attempt.lose()
        self._server, self._watch = _name(), Watch()
        await self._liveness.enter(self._server)

    async def _keep_house(self) -> None:
        rounds = 0
        while True:
            with suppress(ServiceError):
                census = await self._retention.census()
                for status in ("queued", "running", "succeeded", "failed"):
                    self._at.metrics.jobs.labels(status).set(census.jobs.get(status, 0))
                self._at.metrics.jobs_oldest.set(census.oldest_seconds)
                if rounds % FORGET_EVERY == 0 and (count := await self._retention.forget()):
                    logger.info("forgot %d jobs, whose time was over", count)
            rounds += 1
            await asyncio.sleep(CENSUS_SECONDS)


def _name() -> str:
    return secrets.token_hex(8)


async def _surviving(loop: Coroutine[Any, Any, None]) -> None:
    """A loop whose end would be noticed by nobody: what ends it is told."""
    try:
        await loop
    except Exception:
        logger.exception("jobs are not worked on any more, for a reason that was not foreseen")
