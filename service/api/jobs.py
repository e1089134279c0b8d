"""What the service answers about jobs, as JSON."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from .schemas import ClassifyAnswer, Number, Problem

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class JobProgress(BaseModel):
    """How far a job is; from the beginning again when a server was lost that worked on it."""

    clips: int = Field(description="clips that are classified")
    seconds: Number = Field(description="of the video, up to the end of the last of them")
    of_seconds: Number | None = Field(
        default=None, description="about how long the video is; null if its container does not say"
    )


class JobSummary(BaseModel):
    """A job without its result."""

    id: str
    status: JobStatus
    created: AwareDatetime
    started: AwareDatetime | None = Field(
        default=None, description="when a server took it up, the last one if it was several"
    )
    finished: AwareDatetime | None = None
    progress: JobProgress
    problem: Problem | None = Field(default=None, description="why it failed")


class WebhookAnswer(BaseModel):
    """What became of a job's webhook."""

    url: str
    tries: int
    delivered: AwareDatetime | None = None
    status: int | None = Field(default=None, description="HTTP's, of the last try, if it came so far")
    detail: str | None = Field(default=None, description="why the last try failed")


class JobAnswer(JobSummary):
    """A job, with its result once it has succeeded."""

    webhook: WebhookAnswer | None = None

    result: ClassifyAnswer | None = None


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobSummary]
    next: str | None = Field(default=None, description="`after` for those that come next; null if these are the last")


class JobCall(BaseModel):
    """What a webhook brings."""

    type: Literal["job.succeeded", "job.failed"]
    timestamp: AwareDatetime
    data: JobSummary


class JobEvent(JobSummary):
    """A line of a job that is followed: how it is, at first, when its status changes, and now and then."""

    event: Literal["job"] = "job"
