"""What is to be told, and what became of it, in the database: it is put there with the change that it tells of."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, insert, select, update

from .database import Database
from .job import COLUMNS, Job
from .tables import JOBS, WEBHOOKS

# Seconds from one try to the next, as Standard Webhooks proposes; after the last there is none.
PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
# A server that took one up has so long to tell it before another does.
LEASE_SECONDS = 60.0


@dataclass(frozen=True)
class Webhook:
    """What is known of one. `status`: HTTP's, of the last try, if it came so far; `detail`: why it did not."""

    url: str
    tries: int
    delivered: float | None
    status: int | None
    detail: str | None


KNOWN = tuple(WEBHOOKS.c[each.name] for each in fields(Webhook))


class Outbox:
    """Every method raises JobsUnavailableError while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, count: int) -> list[tuple[Job, Webhook]]:
        """Up to `count` that are to be told now, by this server."""

        def work(connection: Connection) -> list[tuple[Job, Webhook]]:
            now = time.time()
            waiting = select(WEBHOOKS.c.job).where(WEBHOOKS.c.next_try <= now).order_by(WEBHOOKS.c.next_try)
            ids = connection.execute(waiting.limit(count).with_for_update(skip_locked=True)).scalars().all()
            mine = WEBHOOKS.c.job.in_(ids)
            taken = {"next_try": now + LEASE_SECONDS, "tries": WEBHOOKS.c.tries + 1}
            connection.execute(update(WEBHOOKS).where(mine).values(**taken))
            both = select(*COLUMNS, *KNOWN).join(WEBHOOKS, WEBHOOKS.c.job == JOBS.c.id).where(mine)
            return [_both(row) for row in connection.execute(both)]

        return await self._database.write(work)

    async def delivered(self, job: str, status: int) -> None:
        """It was told."""
        await self._note(job, delivered=time.time(), next_try=None, status=status, detail=None)

    async def failed(self, job: str, tries: int, status: int | None, detail: str) -> None:
        """It was not; it is tried again, unless that was the last try."""
        next_try = time.time() + PAUSES[tries - 1] if tries <= len(PAUSES) else None
        await self._note(job, next_try=next_try, status=status, detail=detail)

    async def _note(self, job: str, **values: object) -> None:
        change = update(WEBHOOKS).where(WEBHOOKS.c.job == job).values(**values)
        await self._database.write(lambda connection: connection.execute(change))

    async def find(self, job: str) -> Webhook | None:
        """The one of a job, if it has one."""
        query = select(*KNOWN).where(WEBHOOKS.c.job == job)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else Webhook(**row._mapping)


def put(connection: Connection, job: str, url: str) -> None:
    """The job is to be told of at `url`, once it is over."""
    connection.execute(insert(WEBHOOKS).values(job=job, url=url, tries=0))


def post(connection: Connection, jobs: Sequence[str], now: float) -> None:
    """These jobs are over."""
    connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.job.in_(jobs)).values(next_try=now))


def _both(row: Sequence[object]) -> tuple[Job, Webhook]:
    values = tuple(row)
    return Job(*values[: len(COLUMNS)]), Webhook(*values[len(COLUMNS) :])  # type: ignore[arg-type]
