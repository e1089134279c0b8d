"""Jobs in a database, put in by hand."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self

from service.classification.query import Query
from service.jobs.assignments import Assignments
from service.jobs.database import Database
from service.jobs.job import Asked, Job
from service.jobs.liveness import Liveness
from service.jobs.submissions import Limits, Submission, Submissions

MODEL = "the model"
ASKED = Asked(Query(), 5).text()
LOST_PROBLEM = '{"type": "urn:r3d:problem:job-lost"}'


def submission(job: str, **changes: Any) -> Submission:
    """One that differs from others in its id, and in `changes`."""
    known: dict[str, Any] = {"owner": "", "request_id": "request", "model": MODEL, "asked": ASKED, "bytes": 10}
    return Submission(**{**known, "id": job, "upload_seconds": 0.5, "created": 1000.0, **changes})


class Kept:
    """Everything that is done to jobs in a database."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self.database = database
        self.submissions = Submissions(database, limits)
        self.assignments = Assignments(database, MODEL)
        self.liveness = Liveness(database, LOST_PROBLEM)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, waiting: int = 100, size: int = 1000) -> AsyncIterator[Self]:
        """Until the block is left."""
        async with Database.open(url) as database:
            yield cls(database, Limits(waiting, size))

    async def add(self, *jobs: str, **changes: Any) -> list[Job]:
        """Jobs with these ids, each a second younger than the one before."""
        start = changes.pop("created", 1000.0)
        return [
            await self.submissions.add(submission(job, created=start + place, **changes))
            for place, job in enumerate(jobs)
        ]

    async def take(self, server: str, count: int = 1) -> list[Job]:
        """By a server that counts."""
        await self.liveness.enter(server)
        return await self.assignments.take(server, count)

    async def status(self, job: str) -> str:
        return (await self.submissions.find(job, "")).status


async def raised(kind: type[Exception], work: Coroutine[Any, Any, object]) -> Exception:
    """What `work` raises, which must be of that kind."""
    try:
        await work
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
