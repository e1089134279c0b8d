"""What is known of a job."""

from dataclasses import dataclass, fields
from typing import Literal

from pydantic import TypeAdapter
from sqlalchemy import Row

from ..classification.query import Query
from .tables import JOBS

Status = Literal["queued", "running", "succeeded", "failed"]

# For a client that is to ask about a job again.
ASK_AGAIN = {"Retry-After": "5"}
# A job whose attempts ended so often for a reason that is not the video's is failed.
MAX_STRIKES = 3


@dataclass(frozen=True)
class Asked:
    """What the client wants of its video. `top_k`: labels listed per clip."""

    query: Query
    top_k: int

    def text(self) -> str:
        """As it is stored, always the same for the same."""
        return ASKED.dump_json(self).decode()

    @classmethod
    def of(cls, text: str) -> "Asked":
        """From `text`."""
        return ASKED.validate_json(text)


ASKED = TypeAdapter(Asked)


@dataclass(frozen=True)
class Job:
    """A job without its answer; the fields are columns of `tables.JOBS`, which see."""

    id: str
    owner: str
    request_id: str
    asked: str
    bytes: int
    upload_seconds: float
    status: Status
    created: float
    started: float | None
    finished: float | None
    attempt: int
    strikes: int
    clips: int
    seconds: float
    of_seconds: float | None
    problem: str | None

    @property
    def is_over(self) -> bool:
        """Whether it has its result, or will never have one."""
        return self.status in ("succeeded", "failed")


COLUMNS = tuple(JOBS.c[each.name] for each in fields(Job))


def job_of(row: Row[tuple[object, ...]]) -> Job:
    """From a row of `COLUMNS`."""
    return Job(**row._mapping)
