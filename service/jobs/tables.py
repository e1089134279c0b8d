"""The tables of jobs, as queries see them; `schema.py` makes them.

Times are seconds since 1970 by the server's clock. Nothing but what people read, and what is forgotten when, goes by
them: whether a server lives is told by its counting (`liveness.py`).
"""

from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

JOBS = Table(
    "r3d_jobs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("idempotency_key", String),
    Column("fingerprint", String),
    Column("request_id", String, nullable=False),
    Column("model", String, nullable=False),
    Column("asked", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("upload_seconds", Double, nullable=False),
    Column("status", String, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("runner", String),
    # Grows each time the job is taken up: with `runner` it is the fence.
    Column("attempt", Integer, nullable=False),
    # How often a server was lost that worked on it, or an attempt failed for a reason that is not the video's.
    Column("strikes", Integer, nullable=False),
    Column("clips", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("of_seconds", Double),
    Column("problem", Text),
    Column("answer", LargeBinary),
)

# Clips of a running job, as lines of NDJSON: what followers on other servers see.
CLIPS = Table(
    "r3d_job_clips",
    METADATA,
    Column("job", String, primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("lines", LargeBinary, nullable=False),
)

# Servers that work on jobs. One that does not go on counting is lost.
REPLICAS = Table(
    "r3d_replicas",
    METADATA,
    Column("id", String, primary_key=True),
    Column("beats", BigInteger, nullable=False),
)

# Who is to be told that a job is over; `next_try` is empty before that, and when nothing more is to be tried.
WEBHOOKS = Table(
    "r3d_job_webhooks",
    METADATA,
    Column("job", String, primary_key=True),
    Column("url", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", Double),
    Column("delivered", Double),
    Column("status", Integer),
    Column("detail", Text),
)

VERSION = Table("r3d_jobs_schema", METADATA, Column("version", Integer, nullable=False))
