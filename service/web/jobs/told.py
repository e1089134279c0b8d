"""A job as it is told."""

from datetime import UTC, datetime

from ...api.jobs import JobProgress, JobStatus, JobSummary
from ...api.schemas import Problem
from ...jobs.job import Job


def summary(job: Job, status: JobStatus | None = None) -> JobSummary:
    """The job, perhaps with another status than it has in the database."""
    return JobSummary(
        id=job.id,
        status=status or job.status,
        created=_time(job.created),
        started=None if job.started is None else _time(job.started),
        finished=None if job.finished is None else _time(job.finished),
        progress=JobProgress(clips=job.clips, seconds=job.seconds, of_seconds=job.of_seconds),
        problem=problem_of_job(job),
    )


def problem_of_job(job: Job) -> Problem | None:
    """Why it failed, if it did."""
    return None if job.problem is None else Problem.model_validate_json(job.problem)


def with_result(told: JobSummary, result: bytes | None) -> bytes:
    """A `JobAnswer` as JSON; `result` is JSON already, and may be long."""
    return told.model_dump_json().encode()[:-1] + b',"result":' + (result or b"null") + b"}"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
