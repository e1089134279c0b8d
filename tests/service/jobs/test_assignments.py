"""Jobs as the servers that work on them see them."""

import asyncio
import json

from service.errors import NoSuchJobError
from service.jobs.assignments import LostError, Progress
from tests.support.kept_jobs import MODEL, Kept, raised, submission

LINES = (b'{"index":0}', b'{"index":1}')


def test_the_oldest_of_the_servers_model_are_taken_first(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("b", "c", created=2000.0)
            await kept.add("a")
            await kept.add("x", model="another", created=1.0)
            taken = await kept.take("server", 2)
            assert [(job.id, job.status, job.attempt) for job in taken] == [("a", "running", 1), ("b", "running", 1)]
            assert await kept.assignments.taken("server") == {"a", "b"}
            assert [job.id for job in await kept.assignments.take("server", 5)] == ["c"]
            assert await kept.assignments.take("server", 5) == []
            assert MODEL != "another"

    asyncio.run(run())


def test_servers_that_take_at_once_never_take_the_same(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as one, Kept.open(jobs_url) as other:
            await one.add(*(f"{number:02}" for number in range(40)))
            takes = [kept.assignments.take("server", 3) for _ in range(7) for kept in (one, other)]
            taken = [job.id for jobs in await asyncio.gather(*takes) for job in jobs]
            while rest := await one.assignments.take("server", 3):
                taken += [job.id for job in rest]
            assert sorted(taken) == [f"{number:02}" for number in range(40)]

    asyncio.run(run())


def test_clips_are_kept_in_order_and_read_from_where_one_was(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            [job] = await kept.take("server")
            await kept.assignments.save(job, "server", Progress(0, LINES, 2.5, 10.0))
            await kept.assignments.save(job, "server", Progress(2, (b'{"index":2}',), 3.75, None))
            found = await kept.submissions.find("a", "")
            assert (found.clips, found.seconds, found.of_seconds) == (3, 3.75, None)
            assert await kept.submissions.lines("a", 0) == list(LINES)
            assert await kept.submissions.lines("a", 1) == [LINES[1]]
            assert await kept.submissions.lines("a", 2) == [b'{"index":2}']
            assert await kept.submissions.lines("a", 3) == []

    asyncio.run(run())


def test_an_answer_is_kept_in_place_of_the_clips(jobs_url: str) -> None:
    answer = json.dumps({"label": "a" * 1000}).encode()

    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            [job] = await kept.take("server")
            await raised(NoSuchJobError, kept.submissions.answer("a"))
            await kept.assignments.save(job, "server", Progress(0, LINES, 2.5, 10.0))
            await kept.assignments.succeed(job, "server", answer, Progress(2, (), 9.0, None))
            found = await kept.submissions.find("a", "")
            assert (found.status, found.clips, found.of_seconds, found.bytes) == ("succeeded", 2, 9.0, 0)
            assert found.started is not None
            assert found.finished is not None
            assert await kept.submissions.answer("a") == answer
            assert await kept.submissions.lines("a", 0) == []

    asyncio.run(run())


def test_a_server_that_lost_a_job_changes_nothing_any_more(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            [slow] = await kept.take("slow")
            await kept.liveness.take_back({"slow": 0}, 5000.0)
            [again] = await kept.take("other")
            assert (again.attempt, again.strikes) == (2, 1)
            late = kept.assignments
            for change in (
                late.save(slow, "slow", Progress(0, LINES, 1.0, 2.0)),
                late.succeed(slow, "slow", b"{}", Progress(0, (), 1.0, None)),
                late.fail(slow, "slow", "{}"),
                late.give_back(slow, "slow"),
                late.strike(slow, "slow", "{}"),
            ):
                await raised(LostError, change)
            found = await kept.submissions.find("a", "")
            assert (found.status, found.clips, found.attempt) == ("running", 0, 2)
            assert await kept.submissions.lines("a", 0) == []

    asyncio.run(run())


def test_the_same_server_changes_nothing_by_an_earlier_attempt(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            [first] = await kept.take("server")
            await kept.assignments.give_back(first, "server")
            [second] = await kept.assignments.take("server", 1)
            await raised(LostError, kept.assignments.succeed(first, "server", b"{}", Progress(0, (), 1.0, None)))
            assert (second.attempt, second.strikes) == (2, 0)

    asyncio.run(run())


def test_a_job_that_was_cancelled_is_lost_to_its_server(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            [job] = await kept.take("server")
            await kept.submissions.remove("a", "")
            assert await kept.assignments.taken("server") == set()
            await raised(LostError, kept.assignments.save(job, "server", Progress(0, LINES, 1.0, 2.0)))
            assert await kept.submissions.lines("a", 0) == []

    asyncio.run(run())


def test_what_was_seen_of_an_attempt_is_gone_with_it(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            [job] = await kept.take("server")
            await kept.assignments.save(job, "server", Progress(0, LINES, 1.0, 2.0))
            await kept.assignments.give_back(job, "server")
            [again] = await kept.assignments.take("server", 1)
            assert (again.clips, await kept.submissions.lines("a", 0)) == (0, [])
            await kept.assignments.save(again, "server", Progress(0, LINES[:1], 1.0, 2.0))
            assert await kept.submissions.lines("a", 2) == []  # a follower that has seen two waits

    asyncio.run(run())


def test_the_third_strike_is_the_last(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.submissions.add(submission("a"))
            await kept.liveness.enter("server")
            ends = []
            for _ in range(3):
                [job] = await kept.assignments.take("server", 1)
                ends.append(await kept.assignments.strike(job, "server", '{"title": "why"}'))
            assert ends == [False, False, True]
            found = await kept.submissions.find("a", "")
            assert (found.status, found.problem, found.bytes) == ("failed", '{"title": "why"}', 0)

    asyncio.run(run())


def test_a_job_that_may_have_cost_a_server_is_worked_on_alone(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a", "b", "c", "d")
            await kept.take("lost", 2)
            await kept.liveness.take_back({"lost": 0}, 5000.0)
            await kept.liveness.enter("server")

            async def take(idle: bool) -> list[str]:
                return [job.id for job in await kept.assignments.take("server", 4, idle)]

            assert await take(idle=False) == []
            assert await take(idle=True) == ["a"]
            assert await take(idle=True) == ["b"]
            assert await take(idle=False) == ["c", "d"]

    asyncio.run(run())
