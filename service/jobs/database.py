"""The database of jobs, SQLite or PostgreSQL: transactions in threads of its own, errors as ours."""

import asyncio
import fcntl
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import JobsStorageError, JobsUnavailableError, ServiceError, StartupError
from . import schema
from .job import ASK_AGAIN

T = TypeVar("T")

logger = logging.getLogger(__name__)

THREADS = 4
# SQLite's and PostgreSQL's names for a full disk.
FULL = ("SQLITE_FULL", "53100")
# A database that cannot be reached is to be told, not waited for: libpq's seconds for a connection, milliseconds for
# data that nobody acknowledges, and PostgreSQL's for a statement.
POSTGRESQL = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "options": "-c statement_timeout=20000"}
# `FULL`: what is committed is on disk. Readers do not wait for a writer.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 20000")


class Database:
    """Runs work in transactions. Use it in one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(THREADS, "jobs-database")
        self._apart = ThreadPoolExecutor(1, "jobs-database-apart")
        self._away = False

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Database"]:
        """The database at `url`, with its tables up to date, until the block is left. Raises StartupError."""
        database = cls(engine_of(url))
        try:
            try:
                await database.write(schema.upgrade)
            except ServiceError as error:
                raise StartupError(f"the database of jobs: {error.detail}") from error
            yield database
        finally:
            await asyncio.to_thread(database._close)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds. Raises JobsUnavailableError."""
        return await self._run(self._threads, partial(self._in_transaction, work, False))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns once what it did is on disk; nothing of it is if it raises.

        Raises what `work` does, IntegrityError, JobsUnavailableError, and JobsStorageError when there is no space.
        """
        return await self._run(self._threads, partial(self._in_transaction, work, True))

    async def write_apart(self, work: Callable[[Connection], T]) -> T:
        """The same with a thread and a connection that only such work has: it does not wait for all the other."""
        return await self._run(self._apart, partial(self._in_transaction, work, True))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    def _in_transaction(self, work: Callable[[Connection], T], writes: bool) -> T:
        try:
            with self._engine.begin() as connection:
                if writes and connection.dialect.name == "sqlite":
                    # Now, and not at the first change: two that read first could both not go on.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                done = work(connection)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            if not self._away:
                logger.warning("the database of jobs: %s", reason_of(error))
            self._away = True
            raise told(error) from error
        if self._away:
            self._away = False
            logger.info("the database of jobs is back")
        return done

    def _close(self) -> None:
        self._threads.shutdown()
        self._apart.shutdown()
        self._engine.dispose()


def reason_of(error: DBAPIError | PoolTimeoutError) -> str:
    """For the log: it may name the host and the user."""
    return str(getattr(error, "orig", None) or error).strip()


def told(error: DBAPIError | PoolTimeoutError) -> ServiceError:
    """An error of the database as one of ours, for the client."""
    original = getattr(error, "orig", None)
    name = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    if name in FULL:
        return JobsStorageError("no space is left in the database of jobs")
    return JobsUnavailableError("the database of jobs cannot be reached now", ASK_AGAIN)


def engine_of(url: str) -> Engine:
    """Connections are made when they are needed. Raises StartupError when the driver is not installed."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": 20, "check_same_thread": False})
        event.listen(engine, "connect", partial(_prepare_sqlite, Path(f"{parsed.database}.lock")))
        return engine
    try:
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, pool_size=THREADS + 1, max_overflow=0, connect_args=POSTGRESQL)
    except ImportError as error:
        raise StartupError(f"R3D_JOBS needs the package's extra `postgresql`: {error}") from error


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path.absolute()}"


def _prepare_sqlite(lock: Path, connection: Any, _: object) -> None:
    """The driver begins no transactions of its own: see `_in_transaction`.

    One at a time: of two that set a new file's journal, SQLite refuses one at once, and does not let it wait.

    Raises sqlite3.OperationalError, as SQLite does for a file of its own that cannot be opened.
    """
    connection.isolation_level = None
    try:
        opened = lock.open("a")
    except OSError as error:
        raise sqlite3.OperationalError(f"{lock}: {error.strerror}") from error
    with opened as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
