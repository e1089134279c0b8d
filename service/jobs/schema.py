"""Makes the tables of jobs, and brings older ones up to date; a newer database is refused.

A step is never changed once it was released: what has it is not made again. The SQL is understood by SQLite, which
takes any name for a type, and by PostgreSQL.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, inspect, select, text

from ..errors import StartupError
from .tables import VERSION

Step = Sequence[str]

FIRST: Step = (
    """CREATE TABLE r3d_jobs (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, idempotency_key TEXT, fingerprint TEXT, request_id TEXT NOT NULL,
        model TEXT NOT NULL, asked TEXT NOT NULL, bytes BIGINT NOT NULL, upload_seconds DOUBLE PRECISION NOT NULL,
        status TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, finished DOUBLE PRECISION,
        runner TEXT, attempt INTEGER NOT NULL, strikes INTEGER NOT NULL,
        clips INTEGER NOT NULL, seconds DOUBLE PRECISION NOT NULL, of_seconds DOUBLE PRECISION,
        problem TEXT, answer BYTEA)""",
    "CREATE UNIQUE INDEX r3d_jobs_idempotency ON r3d_jobs (owner, idempotency_key)",
    "CREATE INDEX r3d_jobs_next ON r3d_jobs (status, model, created, id)",
    "CREATE INDEX r3d_jobs_room ON r3d_jobs (status, bytes)",
    "CREATE INDEX r3d_jobs_newest ON r3d_jobs (owner, created, id)",
    "CREATE INDEX r3d_jobs_newest_of_status ON r3d_jobs (owner, status, created, id)",
    "CREATE INDEX r3d_jobs_old ON r3d_jobs (finished)",
    "CREATE TABLE r3d_job_clips (job TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, "
    "lines BYTEA NOT NULL, PRIMARY KEY (job, first))",
    "CREATE TABLE r3d_replicas (id TEXT PRIMARY KEY, beats BIGINT NOT NULL)",
)

SECOND: Step = (
    "CREATE TABLE r3d_job_webhooks (job TEXT PRIMARY KEY, url TEXT NOT NULL, tries INTEGER NOT NULL, "
    "next_try DOUBLE PRECISION, delivered DOUBLE PRECISION, status INTEGER, detail TEXT)",
    "CREATE INDEX r3d_job_webhooks_due ON r3d_job_webhooks (next_try)",
)

STEPS: tuple[Step, ...] = (FIRST, SECOND)
# Any number, the same for all servers: who holds it makes the tables.
ADVISORY_LOCK = 0x7233646A


def upgrade(connection: Connection, steps: Sequence[Step] = STEPS) -> None:
    """Run the steps that the database has not seen, within the connection's transaction. Raises StartupError."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    if not inspect(connection).has_table(VERSION.name):
        connection.execute(text(f"CREATE TABLE {VERSION.name} (version INTEGER NOT NULL)"))
    version = connection.execute(select(VERSION.c.version)).scalar() or 0
    if version > len(steps):
        raise StartupError(
            f"the database of jobs is of version {version}, made by a newer r3d; this one knows {len(steps)}"
        )
    for step in steps[version:]:
        for statement in step:
            connection.execute(text(statement))
    connection.execute(delete(VERSION))
    connection.execute(insert(VERSION).values(version=len(steps)))
