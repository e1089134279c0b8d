"""A server that works on jobs: it counts whatever keeps its database busy, and leaves nothing taken up behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Barrier, Event
from typing import cast

import pytest
from sqlalchemy import Connection

from service.classification.classifier import Classifier
from service.jobs import runner
from service.jobs.assignments import Assignments
from service.jobs.attempt import Workplace
from service.jobs.changes import Changes
from service.jobs.database import THREADS, Database
from service.jobs.job import Job
from service.jobs.retention import Retention
from service.jobs.runner import Runner
from service.jobs.videos.folder import Folder
from service.telemetry.metrics import Metrics
from tests.support.kept_jobs import MODEL, Kept

NOBODY = cast(Classifier, None)  # no job is there that would need it


@asynccontextmanager
async def all_threads_busy(database: Database) -> AsyncIterator[None]:
    """Until the block is left, nothing else is read or written."""
    begun, over = Barrier(THREADS + 1), Event()

    def work(_: Connection) -> None:
        begun.wait()
        over.wait()

    waiting = asyncio.gather(*(database.read(work) for _ in range(THREADS)))
    try:
        await asyncio.to_thread(begun.wait)
        yield
    finally:
        over.set()
        await waiting


def test_a_server_counts_while_all_threads_of_its_database_are_busy(
    jobs_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BEAT_SECONDS", 0.01)

    async def run() -> None:
        async with Kept.open(jobs_url) as kept, Kept.open(jobs_url) as other:
            videos = Folder(tmp_path)
            at = Workplace(NOBODY, kept.assignments, videos, Changes(), Metrics(), 1.0, lambda: None)
            worker = Runner(at, kept.liveness, Retention(kept.database, videos, 1.0), 1)
            await worker.start()
            await other.liveness.enter("other")
            async with all_threads_busy(kept.database), asyncio.timeout(30):
                while max((await other.liveness.beat("other") or {}).values()) < 10:
                    await asyncio.sleep(0.01)
            await worker.close()

    asyncio.run(run())


class SlowlyTaken(Assignments):
    """Jobs are taken up slowly: before the database hears of it, or before the server hears that it did."""

    def __init__(self, database: Database, before: bool) -> None:
        super().__init__(database, MODEL)
        self._before = before
        self.taking, self.go_on = asyncio.Event(), asyncio.Event()

    async def take(self, runner: str, count: int, idle: bool = True) -> list[Job]:
        jobs = [] if self._before else await super().take(runner, count, idle)
        self.taking.set()
        await self.go_on.wait()
        return await super().take(runner, count, idle) if self._before else jobs


@pytest.mark.parametrize("before", [True, False])
def test_a_job_that_is_taken_up_as_the_server_ends_is_given_back(jobs_url: str, tmp_path: Path, before: bool) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            videos, assignments = Folder(tmp_path), SlowlyTaken(kept.database, before)
            at = Workplace(NOBODY, assignments, videos, Changes(), Metrics(), 1.0, lambda: None)
            worker = Runner(at, kept.liveness, Retention(kept.database, videos, 1.0), 1)
            await worker.start()
            await assignments.taking.wait()
            closing = asyncio.create_task(worker.close())
            await asyncio.wait([closing], timeout=0.2)
            assignments.go_on.set()
            await closing
            job = await kept.submissions.find("a", "")
            assert (job.status, job.strikes) == ("queued", 0)

    asyncio.run(run())
