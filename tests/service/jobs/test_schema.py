"""The tables are made once, brought up to date, and a newer database is refused."""

import asyncio

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import ProgrammingError

from service.errors import JobsUnavailableError, StartupError
from service.jobs import schema
from service.jobs.database import Database
from service.jobs.tables import METADATA
from tests.support.kept_jobs import Kept


def columns(connection: Connection) -> dict[str, dict[str, bool]]:
    found = inspect(connection)
    return {
        table: {column["name"]: column["nullable"] for column in found.get_columns(table)}
        for table in found.get_table_names()
    }


def test_the_tables_are_those_that_queries_see(jobs_url: str) -> None:
    async def run() -> dict[str, dict[str, bool]]:
        async with Database.open(jobs_url) as database:
            return await database.read(columns)

    expected = {
        table.name: {column.name: bool(column.nullable) for column in table.columns}
        for table in METADATA.tables.values()
    }
    found = asyncio.run(run())
    assert {name: set(known) for name, known in found.items()} == {name: set(known) for name, known in expected.items()}
    for column in METADATA.tables["r3d_jobs"].columns:
        if not column.primary_key:
            assert found["r3d_jobs"][column.name] == column.nullable, column.name


def test_what_is_there_stays_when_it_is_opened_again(jobs_url: str) -> None:
    async def run() -> str:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
        async with Kept.open(jobs_url) as kept:
            return await kept.status("a")

    assert asyncio.run(run()) == "queued"


def test_an_older_database_is_brought_up_to_date(jobs_url: str) -> None:
    newer = (*schema.STEPS, ("ALTER TABLE r3d_replicas ADD COLUMN host TEXT",))

    async def run() -> tuple[set[str], str]:
        async with Kept.open(jobs_url) as kept:
            await kept.add("a")
            await kept.database.write(lambda connection: schema.upgrade(connection, newer))
            found = await kept.database.read(columns)
            return set(found["r3d_replicas"]), await kept.status("a")

    names, status = asyncio.run(run())
    assert (names, status) == ({"id", "beats", "host"}, "queued")
    with pytest.raises(StartupError, match=f"of version {len(newer)}, made by a newer r3d"):
        asyncio.run(run())


def test_a_step_that_fails_leaves_the_database_as_it_was(jobs_url: str) -> None:
    broken = (*schema.STEPS, ("CREATE TABLE r3d_new (id TEXT)", "CREATE TABLE r3d_new (id TEXT)"))

    async def run() -> tuple[set[str], int]:
        async with Database.open(jobs_url) as database:
            with pytest.raises((JobsUnavailableError, ProgrammingError)):
                await database.write(lambda connection: schema.upgrade(connection, broken))
            stored = text("SELECT version FROM r3d_jobs_schema")
            version = await database.read(lambda connection: connection.scalar(stored))
            return set(await database.read(columns)), version

    tables, version = asyncio.run(run())
    assert ("r3d_new" in tables, version) == (False, len(schema.STEPS))


def test_servers_that_start_together_make_the_tables_once(jobs_url: str) -> None:
    async def opened() -> None:
        async with Database.open(jobs_url):
            pass

    async def run() -> None:
        await asyncio.gather(*(opened() for _ in range(4)))

    asyncio.run(run())


def test_a_database_that_is_not_there_is_told_at_the_start() -> None:
    async def run() -> None:
        async with Database.open("postgresql://nobody@127.0.0.1:1/none"):
            pass

    with pytest.raises(StartupError, match="the database of jobs: the database of jobs cannot be reached now"):
        asyncio.run(run())
