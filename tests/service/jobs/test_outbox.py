"""What is to be told is put down with what it tells of, and told until it is heard or given up."""

import asyncio
import time

import pytest
from sqlalchemy import update

from service.jobs.assignments import Progress
from service.jobs.outbox import PAUSES, Outbox
from service.jobs.tables import WEBHOOKS
from tests.support.kept_jobs import Kept, submission

URL = "https://hooks.example.org/"


async def over(kept: Kept, job: str) -> None:
    """A job with a webhook, worked on by a server of its own."""
    await kept.submissions.add(submission(job, webhook=URL))
    [taken] = await kept.take(f"server of {job}")
    await kept.assignments.succeed(taken, f"server of {job}", b"{}", Progress(0, (), 1.0, None))


async def made_due(kept: Kept, job: str) -> None:
    now = update(WEBHOOKS).where(WEBHOOKS.c.job == job).values(next_try=time.time() - 1)
    await kept.database.write(lambda connection: connection.execute(now))


def test_nothing_is_due_before_the_job_is_over(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            outbox = Outbox(kept.database)
            await kept.submissions.add(submission("a", webhook=URL))
            await kept.submissions.add(submission("b"))
            assert await outbox.due(9) == []
            job, _ = await kept.take("server", 2)
            await kept.assignments.give_back(job, "server")
            assert await outbox.due(9) == []
            found = await outbox.find("a")
            assert found is not None
            assert (found.url, found.tries, found.delivered) == (URL, 0, None)
            assert await outbox.find("b") is None

    asyncio.run(run())


@pytest.mark.parametrize("how", ["succeed", "fail", "lost"])
def test_it_is_due_as_soon_as_the_job_is_over(jobs_url: str, how: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            outbox = Outbox(kept.database)
            await kept.submissions.add(submission("a", webhook=URL))
            [job] = await kept.take("server")
            if how == "succeed":
                await kept.assignments.succeed(job, "server", b"{}", Progress(0, (), 1.0, None))
            elif how == "fail":
                await kept.assignments.fail(job, "server", "{}")
            else:
                for number in range(3):
                    await kept.liveness.take_back({f"server {number}" if number else "server": 0}, 5000.0)
                    if number < 2:
                        await kept.take(f"server {number + 1}")
            [(told, webhook)] = await outbox.due(9)
            assert (told.id, told.status) == ("a", "succeeded" if how == "succeed" else "failed")
            assert (webhook.url, webhook.tries) == (URL, 1)
            assert await outbox.due(9) == []  # this server tells it now

    asyncio.run(run())


def test_two_servers_never_tell_the_same(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as one, Kept.open(jobs_url) as other:
            for number in range(10):
                await over(one, str(number))
            found = await asyncio.gather(*(Outbox(kept.database).due(4) for _ in range(3) for kept in (one, other)))
            while rest := await Outbox(one.database).due(4):
                found.append(rest)
            assert sorted(job.id for part in found for job, _ in part) == [str(number) for number in range(10)]

    asyncio.run(run())


def test_what_was_heard_is_told_no_more(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            outbox = Outbox(kept.database)
            await over(kept, "a")
            await outbox.due(1)
            await outbox.delivered("a", 204)
            found = await outbox.find("a")
            assert found is not None
            assert found.delivered is not None
            assert (found.tries, found.status, found.detail) == (1, 204, None)
            assert await outbox.due(9) == []

    asyncio.run(run())


def test_what_was_not_heard_is_told_again_and_given_up_in_the_end(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            outbox = Outbox(kept.database)
            await over(kept, "a")
            for tries in range(1, len(PAUSES) + 2):
                await made_due(kept, "a")
                [(_, webhook)] = await outbox.due(1)
                assert webhook.tries == tries
                await outbox.failed("a", tries, 500, "not accepted")
                assert await outbox.due(1) == []
            rows = await kept.database.read(lambda connection: connection.execute(WEBHOOKS.select()).all())
            assert [(row.next_try, row.tries, row.status, row.detail) for row in rows] == [
                (None, len(PAUSES) + 1, 500, "not accepted")
            ]

    asyncio.run(run())


def test_what_a_server_did_not_finish_telling_is_told_by_another(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            outbox = Outbox(kept.database)
            await over(kept, "a")
            await outbox.due(1)
            await made_due(kept, "a")  # as its lease ends
            [(job, webhook)] = await outbox.due(1)
            assert (job.id, webhook.tries) == ("a", 2)

    asyncio.run(run())


def test_a_job_is_forgotten_with_its_webhook(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await over(kept, "a")
            await kept.submissions.remove("a", "")
            assert await Outbox(kept.database).find("a") is None

    asyncio.run(run())
