"""A server goes on counting, whatever keeps its database busy."""

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
from service.jobs.attempt import Workplace
from service.jobs.changes import Changes
from service.jobs.database import THREADS, Database
from service.jobs.retention import Retention
from service.jobs.runner import Runner
from service.jobs.videos.folder import Folder
from service.telemetry.metrics import Metrics
from tests.support.kept_jobs import Kept

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
