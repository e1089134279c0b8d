"""Jobs as those who send them see them: put in, found, listed, taken out."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ..errors import IdempotencyConflictError, JobsFullError, JobsStorageError, NoSuchJobError
from . import outbox
from .database import Database
from .job import COLUMNS, Job, job_of
from .tables import CLIPS, JOBS, WEBHOOKS

# An `Idempotency-Key` means the same job for so long, in seconds.
KEY_SECONDS = 86_400.0
# For a client that finds too many jobs before it.
RETRY = {"Retry-After": "30"}


@dataclass(frozen=True)
class Limits:
    """`waiting`: jobs that nobody works on yet. `bytes`: of all their videos."""

    waiting: int
    bytes: int


@dataclass(frozen=True)
class Submission:
    """A job to be put in. `fingerprint`: tells whether another with its `key` is the same; both or neither."""

    id: str
    owner: str
    request_id: str
    model: str
    asked: str
    bytes: int
    upload_seconds: float
    created: float
    key: str | None = None
    fingerprint: str | None = None
    webhook: str | None = None


class Submissions:
    """Use it in one event loop. Every method raises JobsUnavailableError while the database is away."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    async def check_room(self, size: int) -> None:
        """Whether one more, with a video of `size` bytes, would be taken. Raises JobsFullError, JobsStorageError."""
        await self._database.read(lambda connection: self._check_room(connection, size))

    async def add(self, new: Submission) -> Job:
        """Put it in, on disk when this returns; or find the one that has its key, with another id then.

        Raises JobsFullError, JobsStorageError, and IdempotencyConflictError when its key is another's.
        """
        try:
            return await self._database.write(lambda connection: self._add(connection, new))
        except IntegrityError:  # another server put one in with the same key, between our look and our change
            return await self._database.write(lambda connection: self._add(connection, new))

    def _add(self, connection: Connection, new: Submission) -> Job:
        if new.key is not None:
            mine = and_(JOBS.c.owner == new.owner, JOBS.c.idempotency_key == new.key)
            forgotten = and_(mine, JOBS.c.created < new.created - KEY_SECONDS)
            connection.execute(update(JOBS).where(forgotten).values(idempotency_key=None))
            if (row := connection.execute(select(*COLUMNS, JOBS.c.fingerprint).where(mine)).first()) is not None:
                *found, fingerprint = row
                if fingerprint != new.fingerprint:
                    raise IdempotencyConflictError("this key was used for another video, or with other parameters")
                return Job(*found)
        self._check_room(connection, new.bytes)
        values = {
            **{name: getattr(new, name) for name in ("id", "owner", "request_id", "model", "asked", "bytes")},
            **{name: getattr(new, name) for name in ("upload_seconds", "created", "fingerprint")},
            **dict.fromkeys(("attempt", "strikes", "clips", "seconds"), 0),
        }
        connection.execute(insert(JOBS).values(**values, idempotency_key=new.key, status="queued"))
        if new.webhook is not None:
            outbox.put(connection, new.id, new.webhook)
        return job_of(connection.execute(select(*COLUMNS).where(JOBS.c.id == new.id)).one())

    def _check_room(self, connection: Connection, size: int) -> None:
        unfinished = select(JOBS.c.status, func.count(), func.sum(JOBS.c.bytes)).where(
            JOBS.c.status.in_(("queued", "running"))
        )
        found = {status: (count, total) for status, count, total in connection.execute(unfinished.group_by("status"))}
        waiting = found.get("queued", (0, 0))[0]
        if waiting >= self._limits.waiting:
            raise JobsFullError(f"{waiting} jobs wait; at most {self._limits.waiting} may", RETRY)
        if sum(int(total) for _, total in found.values()) + size > self._limits.bytes:
            raise JobsStorageError(f"the videos of all jobs may have {self._limits.bytes} bytes", RETRY)

    async def find(self, job: str, owner: str) -> Job:
        """Raises NoSuchJobError, also for a job of another owner."""
        query = select(*COLUMNS).where(JOBS.c.id == job, JOBS.c.owner == owner)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NoSuchJobError("there is no job with this id")
        return job_of(row)

    async def answer(self, job: str) -> bytes:
        """A succeeded job's answer, as JSON. Raises NoSuchJobError when it is gone."""
        query = select(JOBS.c.answer).where(JOBS.c.id == job)
        packed = await self._database.read(lambda connection: connection.execute(query).scalar())
        if packed is None:
            raise NoSuchJobError("there is no job with this id")
        return zlib.decompress(packed)

    async def lines(self, job: str, seen: int) -> list[bytes]:
        """Of a running job, the lines of the clips behind the first `seen`; those of a few seconds at most."""
        query = select(CLIPS.c.first, CLIPS.c.lines).where(CLIPS.c.job == job, CLIPS.c.first + CLIPS.c.count > seen)
        query = query.order_by(CLIPS.c.first).limit(1)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        # An attempt that began anew may not have come so far yet.
        return zlib.decompress(row.lines).splitlines()[seen - row.first :] if row and row.first <= seen else []

    async def page(self, owner: str, status: str | None, limit: int, after: str | None) -> Sequence[Job]:
        """The newest `limit` of an owner's jobs; `after` is the last job of the page before.

        Raises NoSuchJobError when that is gone.
        """
        where = [JOBS.c.owner == owner] + ([JOBS.c.status == status] if status else [])
        if after is not None:
            last = await self.find(after, owner)
            earlier = and_(JOBS.c.created == last.created, JOBS.c.id < last.id)
            where.append(or_(JOBS.c.created < last.created, earlier))
        query = select(*COLUMNS).where(*where).order_by(JOBS.c.created.desc(), JOBS.c.id.desc()).limit(limit)
        return [job_of(row) for row in await self._database.read(lambda connection: connection.execute(query).all())]

    async def remove(self, job: str, owner: str) -> Job:
        """Forget a job; whoever works on it will notice. The job as it was. Raises NoSuchJobError."""
        found = await self.find(job, owner)

        def work(connection: Connection) -> None:
            connection.execute(delete(CLIPS).where(CLIPS.c.job == job))
            connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.job == job))
            connection.execute(delete(JOBS).where(JOBS.c.id == job))

        await self._database.write(work)
        return found
