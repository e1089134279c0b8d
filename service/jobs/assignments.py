"""Jobs as the server that works on them sees them: taken up, brought forward, through.

Every change names the server and the attempt, so that one that was only slow, and has lost the job to another
meanwhile, changes nothing.
"""

import time
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.sql import ColumnElement

from . import outbox
from .database import Database
from .job import COLUMNS, MAX_STRIKES, Job, job_of
from .tables import CLIPS, JOBS

# Of zlib: clips are half as large as with 1, in the same time.
LEVEL = 3


class LostError(Exception):
    """The job was cancelled, or another server works on it now."""


@dataclass(frozen=True)
class Progress:
    """How far a job is. `lines`: NDJSON of clips from the one numbered `first`; `clips` in all.

    `seconds` of the video, of about `of_seconds`.
    """

    first: int
    lines: Sequence[bytes]
    seconds: float
    of_seconds: float | None

    @property
    def clips(self) -> int:
        """With these."""
        return self.first + len(self.lines)


class Assignments:
    """Use it in one event loop. Every method raises JobsUnavailableError while the database is away."""

    def __init__(self, database: Database, model: str) -> None:
        """`model`: only its jobs are taken up."""
        self._database = database
        self._model = model

    async def take(self, runner: str, count: int, idle: bool = True) -> list[Job]:
        """Up to `count` jobs, the oldest first, which this server is to work on now.

        One that may be why a server was lost is worked on alone, so that it takes no other with it: it is given only to
        a server that is `idle`, and those behind it wait.
        """

        def work(connection: Connection) -> list[Job]:
            waiting = select(JOBS.c.id, JOBS.c.strikes).where(JOBS.c.status == "queued", JOBS.c.model == self._model)
            waiting = waiting.order_by(JOBS.c.created, JOBS.c.id).limit(count).with_for_update(skip_locked=True)
            ids = _together([(row.id, row.strikes) for row in connection.execute(waiting)], idle)
            mine = JOBS.c.id.in_(ids)
            changed = update(JOBS).where(mine).values(status="running", runner=runner, attempt=JOBS.c.attempt + 1)
            connection.execute(changed.values(started=time.time(), clips=0, seconds=0.0, of_seconds=None))
            connection.execute(delete(CLIPS).where(CLIPS.c.job.in_(ids)))
            return [job_of(row) for row in connection.execute(select(*COLUMNS).where(mine).order_by(JOBS.c.created))]

        return await self._database.write(work)

    async def taken(self, runner: str) -> Collection[str]:
        """The jobs that this server works on, by the database's word."""
        query = select(JOBS.c.id).where(JOBS.c.status == "running", JOBS.c.runner == runner)
        return set(await self._database.read(lambda connection: connection.execute(query).scalars().all()))

    async def save(self, job: Job, runner: str, progress: Progress) -> None:
        """Keep how far it is. Raises LostError."""

        def work(connection: Connection) -> None:
            known = {"seconds": progress.seconds, "of_seconds": progress.of_seconds, "clips": progress.clips}
            _change(connection, _fence(job, runner), **known)
            if progress.lines:
                lines = zlib.compress(b"\n".join(progress.lines), LEVEL)
                row = {"job": job.id, "first": progress.first, "count": len(progress.lines), "lines": lines}
                connection.execute(insert(CLIPS).values(**row))

        await self._database.write(work)

    async def succeed(self, job: Job, runner: str, answer: bytes, last: Progress) -> None:
        """It is through, with this answer. Raises LostError."""
        packed = zlib.compress(answer, LEVEL)
        known = {"clips": last.clips, "seconds": last.seconds, "of_seconds": last.seconds, "answer": packed}
        await self._database.write(lambda connection: _end(connection, job, runner, "succeeded", **known))

    async def fail(self, job: Job, runner: str, problem: str) -> None:
        """It will have no answer. Raises LostError."""
        await self._database.write(lambda connection: _end(connection, job, runner, "failed", problem=problem))

    async def give_back(self, job: Job, runner: str) -> None:
        """Another server, or this one later, is to begin it anew. Raises LostError."""
        await self._database.write(
            lambda connection: _change(connection, _fence(job, runner), status="queued", runner=None)
        )

    async def strike(self, job: Job, runner: str, problem: str) -> bool:
        """The attempt failed for a reason that is not the video's: begin it anew, or after `MAX_STRIKES` end it.

        Returns whether that was the end. Raises LostError.
        """
        if job.strikes + 1 >= MAX_STRIKES:
            await self.fail(job, runner, problem)
            return True
        again = {"status": "queued", "runner": None, "strikes": job.strikes + 1}
        await self._database.write(lambda connection: _change(connection, _fence(job, runner), **again))
        return False


def _together(waiting: Sequence[tuple[str, int]], idle: bool) -> list[str]:
    """Of jobs and their strikes, in order, those that one server is to take up now."""
    suspects = [place for place, (_, strikes) in enumerate(waiting) if strikes]
    end = suspects[0] if suspects else len(waiting)
    if end == 0 and idle:
        end = 1
    return [job for job, _ in waiting[:end]]


def _fence(job: Job, runner: str) -> ColumnElement[bool]:
    return (
        (JOBS.c.id == job.id)
        & (JOBS.c.status == "running")
        & (JOBS.c.runner == runner)
        & (JOBS.c.attempt == job.attempt)
    )


def _change(connection: Connection, fence: ColumnElement[bool], **values: object) -> None:
    if not connection.execute(update(JOBS).where(fence).values(**values)).rowcount:
        raise LostError


def _end(connection: Connection, job: Job, runner: str, status: str, **values: object) -> None:
    """With its clips, which the answer has now. `bytes`: the video goes."""
    over = {"status": status, "finished": time.time(), "runner": None, "bytes": 0}
    _change(connection, _fence(job, runner), **over, **values)
    connection.execute(delete(CLIPS).where(CLIPS.c.job == job.id))
    outbox.post(connection, [job.id], time.time())
