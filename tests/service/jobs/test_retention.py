"""What is forgotten, and when."""

import asyncio
import os
import time
from pathlib import Path

from sqlalchemy import update

from service.jobs.retention import Retention
from service.jobs.tables import JOBS
from service.jobs.videos.folder import LEFT_OVER_SECONDS, Folder
from tests.support.kept_jobs import Kept

TTL = 3600.0


async def kept_file(files: Folder, job: str, age: float) -> Path:
    upload = files.incoming / job
    upload.write_bytes(b"video")
    await files.keep(upload, job)
    stamp = time.time() - age
    os.utime(files.path(job), (stamp, stamp))
    return files.path(job)


def test_finished_jobs_are_forgotten_after_their_time(jobs_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url, size=10_000) as kept:
            retention = Retention(kept.database, Folder(tmp_path / "jobs"), TTL)
            await kept.add("old", "new", "running", "queued", created=1.0)
            old, new, _ = await kept.take("server", 3)
            await kept.assignments.fail(new, "server", "{}")
            await kept.assignments.fail(old, "server", "{}")
            long_ago = update(JOBS).where(JOBS.c.id == "old").values(finished=time.time() - TTL - 1)
            await kept.database.write(lambda connection: connection.execute(long_ago))
            assert await retention.forget() == 1
            assert [job.id for job in await kept.submissions.page("", None, 10, None)] == ["queued", "running", "new"]
            census = await retention.census()
            assert dict(census.jobs) == {"queued": 1, "running": 1, "failed": 1}
            assert census.oldest_seconds > 1e9

    asyncio.run(run())


def test_videos_of_no_job_are_removed_when_they_are_not_new(jobs_url: str, tmp_path: Path) -> None:
    files = Folder(tmp_path / "jobs")
    old = LEFT_OVER_SECONDS + 1
    paths: dict[str, Path] = {}

    async def run() -> None:
        for name in ("waiting", "through", "orphan"):
            paths[name] = await kept_file(files, name, old)
        paths["fresh"] = await kept_file(files, "fresh", 0)
        async with Kept.open(jobs_url) as kept:
            retention = Retention(kept.database, files, TTL)
            await kept.add("through", "waiting")
            [job] = await kept.take("server")
            await kept.assignments.fail(job, "server", "{}")
            await retention.forget()

    asyncio.run(run())
    assert {job for job, path in paths.items() if path.exists()} == {"waiting", "fresh"}


def test_nothing_is_told_of_an_empty_database(jobs_url: str, tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, int], float]:
        async with Kept.open(jobs_url) as kept:
            census = await Retention(kept.database, Folder(tmp_path), TTL).census()
            return dict(census.jobs), census.oldest_seconds

    assert asyncio.run(run()) == ({}, 0.0)


def test_only_this_user_sees_the_videos(tmp_path: Path) -> None:
    Folder(tmp_path / "jobs")
    assert {(path.stat().st_mode & 0o777) for path in (tmp_path / "jobs").iterdir()} == {0o700}
