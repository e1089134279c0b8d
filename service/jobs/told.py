"""A job as it is told."""

from datetime import UTC, datetime

from ..api.jobs import JobAnswer, JobProgress, JobStatus, JobSummary, WebhookAnswer
from ..api.schemas import Problem
from .job import Job
from .outbox import Webhook


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


def answer(job: Job, result: bytes | None, webhook: Webhook | None) -> bytes:
    """A `JobAnswer` as JSON; `result` is JSON already, and may be long."""
    told = JobAnswer(**dict(summary(job)), webhook=None if webhook is None else _webhook(webhook))
    known = told.model_dump_json(exclude={"result"}).encode()
    return known[:-1] + b',"result":' + (result or b"null") + b"}"


def _webhook(webhook: Webhook) -> WebhookAnswer:
    delivered = None if webhook.delivered is None else _time(webhook.delivered)
    return WebhookAnswer(
        url=webhook.url, tries=webhook.tries, delivered=delivered, status=webhook.status, detail=webhook.detail
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
