"""Videos on their way in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import JobsStorageError
from service.jobs.arrivals import LOOK_BYTES, Arrivals
from tests.support.kept_jobs import Kept, raised


@asynccontextmanager
async def arriving(url: str, size: int) -> AsyncIterator[tuple[Kept, Arrivals]]:
    async with Kept.open(url, size=size) as kept:
        yield kept, Arrivals(kept.submissions.check_room)


async def begin(arrivals: Arrivals, size: int) -> None:
    async with arrivals.one(size):
        pass


def test_what_is_to_come_counts_with_what_is_there(jobs_url: str) -> None:
    async def run() -> None:
        async with arriving(jobs_url, 100) as (kept, arrivals):
            await kept.add("a", bytes=30)
            async with arrivals.one(50) as first:
                await first.came(50)
                await begin(arrivals, 20)
                await raised(JobsStorageError, begin(arrivals, 21))
                assert arrivals.bytes == 50
            await begin(arrivals, 70)
            assert arrivals.bytes == 0

    asyncio.run(run())


def test_one_that_does_not_say_its_size_is_looked_at_as_it_grows(jobs_url: str) -> None:
    async def run() -> None:
        async with arriving(jobs_url, LOOK_BYTES + 1) as (_, arrivals):
            async with arrivals.one(0) as video:
                await video.came(LOOK_BYTES)
                await raised(JobsStorageError, begin(arrivals, 2))
                await video.came(LOOK_BYTES - 1)
                await raised(JobsStorageError, video.came(1))
            assert arrivals.bytes == 0

    asyncio.run(run())
