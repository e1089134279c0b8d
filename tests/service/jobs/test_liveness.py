"""Servers that do not go on counting are lost, and nothing else makes one so."""

import asyncio

from service.jobs.liveness import MISSES, Watch
from tests.support.kept_jobs import LOST_PROBLEM, Kept


def test_a_server_that_stands_still_for_some_looks_is_lost() -> None:
    watch = Watch()
    assert [watch.look({"a": 7, "b": number}) for number in range(MISSES)] == [{}] * MISSES
    assert watch.look({"a": 7, "b": MISSES}) == {"a": 7}


def test_a_server_that_counts_again_in_time_is_not() -> None:
    watch = Watch()
    for _ in range(MISSES):
        assert watch.look({"a": 7}) == {}
    assert watch.look({"a": 8}) == {}
    assert [watch.look({"a": 8}) for _ in range(MISSES)] == [{}] * (MISSES - 1) + [{"a": 8}]


def test_a_server_that_left_is_forgotten() -> None:
    watch = Watch()
    for _ in range(MISSES):
        watch.look({"a": 7})
    assert watch.look({}) == {}
    assert watch.look({"a": 7}) == {}


def test_the_jobs_of_a_lost_server_are_begun_anew(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a", "b", "c")
            await kept.take("lost", 2)
            await kept.take("living")
            assert await kept.liveness.beat("living") == {"lost": 0}
            back = await kept.liveness.take_back({"lost": 0}, 5000.0)
            assert (set(back.again), set(back.failed)) == ({"a", "b"}, set())
            assert [await kept.status(job) for job in "abc"] == ["queued", "queued", "running"]
            assert await kept.liveness.beat("lost") is None
            assert await kept.liveness.beat("living") == {}

    asyncio.run(run())


def test_a_server_that_has_counted_meanwhile_keeps_its_jobs(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            await kept.take("slow")
            await kept.liveness.beat("slow")
            back = await kept.liveness.take_back({"slow": 0}, 5000.0)
            assert (list(back.again), await kept.status("a")) == ([], "running")

    asyncio.run(run())


def test_a_job_that_lost_three_servers_is_failed(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            failed = []
            for number in range(3):
                await kept.take(f"server {number}")
                back = await kept.liveness.take_back({f"server {number}": 0}, 5000.0)
                failed.append(list(back.failed))
            assert failed == [[], [], ["a"]]
            found = await kept.submissions.find("a", "")
            assert (found.status, found.problem, found.finished, found.bytes) == ("failed", LOST_PROBLEM, 5000.0, 0)

    asyncio.run(run())


def test_two_that_see_the_same_server_lost_strike_once(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as one, Kept.open(jobs_url) as other:
            await one.add("a")
            await one.take("lost")
            backs = await asyncio.gather(*(kept.liveness.take_back({"lost": 0}, 5000.0) for kept in (one, other)))
            assert sorted(len(back.again) for back in backs) == [0, 1]
            assert (await one.submissions.find("a", "")).strikes == 1

    asyncio.run(run())


def test_a_server_that_leaves_gives_back_what_it_had_taken_up(jobs_url: str) -> None:
    """It was not lost: no job is struck for it, and those of others stay theirs."""

    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a", "b")
            assert [job.id for server in ("server", "other") for job in await kept.take(server)] == ["a", "b"]
            await kept.liveness.leave("server")
            assert not (await kept.liveness.take_back({}, 5000.0)).again
            assert [await kept.status(job) for job in ("a", "b")] == ["queued", "running"]
            assert (await kept.submissions.find("a", "")).strikes == 0


def test_a_job_of_a_server_that_is_not_known_is_begun_anew(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            await kept.assignments.take("never entered", 1)
            assert list((await kept.liveness.take_back({}, 5000.0)).again) == ["a"]

    asyncio.run(run())
