"""A SQLite file is shared from its first moment on, and told of when it cannot be opened."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection

from service.errors import JobsUnavailableError, StartupError
from service.jobs.database import Database, engine_of, sqlite_url

SERVERS = 4
# One round finds a refusal in about one of seven.
ROUNDS = 40


def test_none_of_those_that_open_a_new_file_at_once_is_refused(tmp_path: Path) -> None:
    together = Barrier(SERVERS)

    def journal(url: str) -> str:
        engine = engine_of(url)
        together.wait()
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        engine.dispose()
        return str(mode)

    for number in range(ROUNDS):
        url = sqlite_url(tmp_path / f"{number}.sqlite")
        with ThreadPoolExecutor(SERVERS) as servers:
            assert set(servers.map(journal, [url] * SERVERS)) == {"wal"}


def test_a_lock_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.with_name(f"{path.name}.lock").mkdir()

    async def run() -> None:
        with pytest.raises(StartupError, match="the database of jobs"):
            async with Database.open(sqlite_url(path)):
                pass

    asyncio.run(run())


def test_a_lock_that_cannot_be_opened_any_more_is_a_database_that_is_away(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    lock = path.with_name(f"{path.name}.lock")
    held, done = Event(), Event()

    def hold(_: Connection) -> None:
        held.set()
        assert done.wait(10)

    async def run() -> None:
        async with Database.open(sqlite_url(path)) as database:
            holding = asyncio.create_task(database.read(hold))  # so that another needs a connection of its own
            assert await asyncio.to_thread(held.wait, 10)
            lock.unlink()
            lock.mkdir()
            with pytest.raises(JobsUnavailableError):
                await database.read(lambda _: None)
            done.set()
            await holding

    asyncio.run(run())
