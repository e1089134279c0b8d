"""Jobs as those who send them see them."""

import asyncio
from pathlib import Path

from service.errors import IdempotencyConflictError, JobsFullError, JobsStorageError, NoSuchJobError
from service.jobs.submissions import KEY_SECONDS
from tests.support.kept_jobs import Kept, raised, submission


def test_a_job_is_found_by_its_owner_only(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            added = await kept.submissions.add(submission("a", owner="anna", bytes=7))
            assert await kept.submissions.find("a", "anna") == added
            assert (added.status, added.bytes, added.attempt, added.is_over) == ("queued", 7, 0, False)
            for stranger in ("", "bert"):
                await raised(NoSuchJobError, kept.submissions.find("a", stranger))
                await raised(NoSuchJobError, kept.submissions.remove("a", stranger))
                await raised(NoSuchJobError, kept.submissions.page(stranger, None, 10, "a"))
            assert await kept.submissions.page("bert", None, 10, None) == []

    asyncio.run(run())


def test_the_same_key_gives_the_same_job_for_a_day(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            first = await kept.submissions.add(submission("a", key="k", fingerprint="f"))
            again = await kept.submissions.add(submission("b", key="k", fingerprint="f", created=1000.0 + KEY_SECONDS))
            assert again == first
            await raised(IdempotencyConflictError, kept.submissions.add(submission("c", key="k", fingerprint="g")))
            others = await kept.submissions.add(submission("d", key="k", fingerprint="g", owner="bert"))
            later = submission("e", key="k", fingerprint="g", created=1001.0 + KEY_SECONDS)
            assert (others.id, (await kept.submissions.add(later)).id) == ("d", "e")
            assert await kept.status("a") == "queued"
            await raised(NoSuchJobError, kept.submissions.find("b", ""))

    asyncio.run(run())


def test_many_with_one_key_at_once_are_one_job(jobs_url: str) -> None:
    async def run() -> set[str]:
        async with Kept.open(jobs_url) as one, Kept.open(jobs_url) as other:
            put = [
                kept.submissions.add(submission(f"{place}-{number}", key="k", fingerprint="f"))
                for number in range(8)
                for place, kept in enumerate((one, other))
            ]
            return {job.id for job in await asyncio.gather(*put)}

    assert len(asyncio.run(run())) == 1


def test_pages_go_from_the_newest_to_the_oldest(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a", "b", "c", "d")
            await kept.add("e", created=1002.0)  # as old as c
            await kept.take("server")

            async def page(status: str | None, limit: int, after: str | None) -> list[str]:
                return [job.id for job in await kept.submissions.page("", status, limit, after)]

            assert await page(None, 10, None) == ["d", "e", "c", "b", "a"]
            assert await page(None, 2, None) == ["d", "e"]
            assert await page(None, 2, "e") == ["c", "b"]
            assert await page(None, 2, "b") == ["a"]
            assert await page("queued", 10, "d") == ["e", "c", "b"]
            assert await page("running", 10, None) == ["a"]
            await raised(NoSuchJobError, kept.submissions.page("", None, 2, "z"))

    asyncio.run(run())


def test_more_jobs_than_may_wait_are_refused(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url, waiting=2) as kept:
            await kept.add("a", "b")
            error = await raised(JobsFullError, kept.submissions.add(submission("c")))
            assert str(error) == "2 jobs wait; at most 2 may"
            await raised(JobsFullError, kept.submissions.check_room(0))
            await kept.take("server")
            await kept.add("c")

    asyncio.run(run())


def test_more_bytes_than_may_be_kept_are_refused(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url, size=100) as kept:
            await kept.add("a", bytes=60)
            await kept.submissions.check_room(40)
            await raised(JobsStorageError, kept.submissions.check_room(41))
            await raised(JobsStorageError, kept.submissions.add(submission("b", bytes=41)))
            [job] = await kept.take("server")
            await raised(JobsStorageError, kept.submissions.check_room(41))
            await kept.assignments.fail(job, "server", "{}")
            await kept.submissions.check_room(100)

    asyncio.run(run())


def test_a_job_that_is_removed_is_forgotten_with_its_key(jobs_url: str) -> None:
    async def run() -> None:
        async with Kept.open(jobs_url) as kept:
            await kept.submissions.add(submission("a", key="k", fingerprint="f"))
            assert (await kept.submissions.remove("a", "")).status == "queued"
            await raised(NoSuchJobError, kept.submissions.find("a", ""))
            assert (await kept.submissions.add(submission("b", key="k", fingerprint="g"))).id == "b"

    asyncio.run(run())


def test_a_page_of_a_hundred_thousand_jobs_has_no_more_than_it_may(tmp_path: Path) -> None:
    async def run() -> tuple[int, str]:
        async with Kept.open(f"sqlite:///{tmp_path}/jobs.sqlite") as kept:
            await kept.database.write(
                lambda connection: connection.exec_driver_sql(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
                    "INSERT INTO r3d_jobs (id, owner, request_id, model, asked, bytes, upload_seconds, status, created,"
                    " attempt, strikes, clips, seconds) "
                    "SELECT 'j' || i, '', 'r', 'm', '{}', 1, 0, 'queued', i, 0, 0, 0, 0 FROM n"
                )
            )
            page = await kept.submissions.page("", None, 50, "j50000")
            plan = await kept.database.read(
                lambda connection: connection.exec_driver_sql(
                    "EXPLAIN QUERY PLAN SELECT * FROM r3d_jobs WHERE owner = '' ORDER BY created DESC, id DESC LIMIT 9"
                ).all()
            )
            assert [job.id for job in page] == [f"j{number}" for number in range(49999, 49949, -1)]
            return len(page), str(plan)

    count, plan = asyncio.run(run())
    assert count == 50
    assert "USING INDEX r3d_jobs_newest" in plan
    assert "TEMP B-TREE" not in plan
