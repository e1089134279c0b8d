"""Jobs: videos that are classified without a connection to hold."""

from datetime import datetime
from typing import Literal
from uuid import uuid4

import httpx
from pydantic import ValidationError

from .answers import Classification, ClipEvent, Part, Problem, ResultEvent
from .errors import ClientError, ProblemError, UnexpectedAnswerError, UnreachableError, error_of
from .request import Query
from .response import EventReader, answer_of, event_of

JOBS = "v1/jobs"
# Seconds that one answer is held, while the job is not over.
HELD_SECONDS = 30.0
# Seconds from one try to the next while the service is away, and for how long that is waited out.
PAUSE_SECONDS, PATIENCE_SECONDS = 2.0, 120.0
ACCEPTED = 202


class JobProgress(Part):
    """`of_seconds` None: the video does not say how long it is."""

    clips: int
    seconds: float
    of_seconds: float | None = None


class Job(Part):
    """A job; `result` is there once it has succeeded, `problem` once it has failed."""

    id: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    progress: JobProgress
    result: Classification | None = None
    problem: Problem | None = None

    @property
    def is_over(self) -> bool:
        """Whether it will not change any more."""
        return self.status in ("succeeded", "failed", "cancelled")


class JobEvent(Job):
    """How a followed job is: at first, when its status changes, and now and then."""

    event: Literal["job"]


FollowEvent = JobEvent | ClipEvent | ResultEvent


def job_headers(key: str | None, again: bool) -> dict[str, str]:
    """What makes a job of a video. `key`: the same gives the same job. Without one a request that may be made `again`
    gets one of its own, so that it makes no second job; others get none, as the service hashes a video that has one."""
    if key is None and again:
        key = uuid4().hex
    return {"Prefer": "respond-async"} | ({} if key is None else {"Idempotency-Key": key})


def path_of(job: str) -> str:
    """The job's, below the service's address."""
    return f"{JOBS}/{job}"


def submitted(response: httpx.Response) -> Job:
    """The new job. Raises ProblemError, and UnexpectedAnswerError where no jobs are kept."""
    if response.is_success and response.status_code != ACCEPTED:
        raise UnexpectedAnswerError(f"{response.url} keeps no jobs: it answered at once")
    return answer_of(Job, response)


def result_of(job: Job) -> Classification | None:
    """The result of a job that is over; None while it is not. Raises ProblemError when it failed."""
    if job.problem is not None:
        raise error_of(job.problem)
    return job.result


def followed(response: httpx.Response) -> EventReader[FollowEvent]:
    """Reads the answer that follows a job; where it ends before the result, the connection broke."""
    return EventReader(response, _follow_event, UnreachableError)


def _follow_event(line: bytes, response: httpx.Response) -> FollowEvent | None:
    if b'"event":"job"' not in line:
        return event_of(line, response)
    try:
        return JobEvent.model_validate_json(line)
    except ValidationError:
        return None


class Patience:
    """For how long a service that is away is waited for; `now` is in seconds, from any time on."""

    def __init__(self, now: float) -> None:
        self._heard = now
        self._over = False
        self._clips = 0

    def heard(self, now: float) -> None:
        """It answered."""
        self._heard = now

    def is_new(self, event: FollowEvent, now: float) -> bool:
        """It answered with `event`, where a job is followed: whether that was not told before a connection broke."""
        self._heard = now
        if isinstance(event, JobEvent):
            self._over = event.is_over
        if not isinstance(event, ClipEvent):
            return True
        new = event.index >= self._clips
        self._clips = max(self._clips, event.index + 1)
        return new

    def pause(self, error: ClientError, now: float) -> float:
        """Seconds until it is asked again. Raises the error if it does not pass, or nothing was heard for too long."""
        of_the_job = self._over and isinstance(error, ProblemError)
        if of_the_job or not error.passing or now - self._heard > PATIENCE_SECONDS:
            raise error
        return PAUSE_SECONDS


def waiting(seconds: float) -> Query:
    """Asks for an answer that is held for so long, at most as long as one may be."""
    return {"wait": round(max(0.0, min(HELD_SECONDS, seconds)), 3)}
