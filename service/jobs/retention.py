"""What is kept for how long, and how much there is."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from .database import Database
from .tables import CLIPS, JOBS, WEBHOOKS
from .videos.storage import Videos

# Jobs that are forgotten in one transaction, so that others need not wait long.
BATCH = 1000


@dataclass(frozen=True)
class Census:
    """Jobs by status, and the age in seconds of the oldest that waits; 0 where none does."""

    jobs: Mapping[str, int]
    oldest_seconds: float


class Retention:
    """Forgets old jobs. Every method raises JobsUnavailableError while the database is away, or the videos."""

    def __init__(self, database: Database, videos: Videos, ttl_seconds: float) -> None:
        self._database = database
        self._videos = videos
        self._ttl = ttl_seconds

    async def forget(self) -> int:
        """Forget the jobs that were finished long enough ago, and remove the videos that are of no job.

        Returns how many jobs.
        """
        total = 0
        while count := await self._database.write(self._forget_some):
            total += count
        names = await self._videos.old()
        for start in range(0, len(names), BATCH):
            some = names[start : start + BATCH]
            known = await self._with_videos(some)
            for name in set(some) - set(known):
                await self._videos.remove(name)
        return total

    def _forget_some(self, connection: Connection) -> int:
        old = select(JOBS.c.id).where(JOBS.c.finished < time.time() - self._ttl).limit(BATCH)
        ids = connection.execute(old.with_for_update(skip_locked=True)).scalars().all()
        connection.execute(delete(CLIPS).where(CLIPS.c.job.in_(ids)))
        connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.job.in_(ids)))
        connection.execute(delete(JOBS).where(JOBS.c.id.in_(ids)))
        return len(ids)

    async def _with_videos(self, names: Collection[str]) -> Collection[str]:
        unfinished = JOBS.c.status.in_(("queued", "running"))
        query = select(JOBS.c.id).where(JOBS.c.id.in_(names), unfinished)
        return await self._database.read(lambda connection: connection.execute(query).scalars().all())

    async def census(self) -> Census:
        """How many there are."""
        counts = select(JOBS.c.status, func.count()).group_by(JOBS.c.status)
        oldest = select(func.min(JOBS.c.created)).where(JOBS.c.status == "queued")

        def work(connection: Connection) -> Census:
            jobs = {row.status: row[1] for row in connection.execute(counts)}
            since = connection.execute(oldest).scalar()
            return Census(jobs, max(0.0, time.time() - since) if since is not None else 0.0)

        return await self._database.read(work)
