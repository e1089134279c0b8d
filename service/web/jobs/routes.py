"""Jobs: how one is, all of a key's, and no more of one."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from ...api.formats import TEXTS
from ...api.jobs import JobAnswer, JobList, JobSummary
from ...api.problem import MEDIA_TYPE as PROBLEM
from ...api.schemas import ClassifyAnswer
from ...errors import (
    JobsListClosedError,
    JobsUnavailableError,
    JobUnfinishedError,
    NoSuchJobError,
    NotAcceptableError,
    NotReadyError,
    ParameterError,
    UnauthorizedError,
)
from ...jobs.job import ASK_AGAIN, Job
from ...jobs.jobs import Jobs
from ...jobs.told import answer, problem_of_job, summary
from ..classify import disconnected, given_up, unless
from ..key import Key
from ..lifecycle import lifecycle_of
from ..negotiation import wanted_format
from ..owner import has_key, owner_of
from ..parameters import Format
from ..responses import documented, job_answers
from .follow import FollowAnswer

router = APIRouter(tags=["jobs"], prefix="/v1/jobs", dependencies=[Key])

MAX_WAIT_SECONDS = 300
MAX_PAGE = 1000
ERRORS = (UnauthorizedError, NotReadyError, JobsUnavailableError, ParameterError)


class JobParameters(BaseModel):
    """How a job is to be told."""

    model_config = ConfigDict(extra="forbid")

    wait: float = Field(
        default=0, ge=0, le=MAX_WAIT_SECONDS, description="hold the answer until the job is over, so many seconds"
    )
    format: Format | None = Field(default=None, description="in place of the Accept header")
    view: Literal["all", "segments"] = Field(default="all", description="segments: the list of clips is left empty")


class ListParameters(BaseModel):
    """Which jobs."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["queued", "running", "succeeded", "failed"] | None = Field(default=None)
    limit: int = Field(default=50, ge=1, le=MAX_PAGE, description="jobs at most")
    after: str | None = Field(default=None, description="the last job of the page before: its `next`")


@router.get("", responses=documented(*ERRORS, JobsListClosedError, NoSuchJobError))
async def jobs(request: Request, parameters: Annotated[ListParameters, Query()]) -> JobList:
    """The key's jobs, the newest first. Where no key is asked for, there is no list: then an id is the key."""
    if not has_key(request):
        raise JobsListClosedError("jobs are listed where the service asks for an API key")
    asked = parameters
    found = await jobs_of(request).submissions.page(owner_of(request), asked.status, asked.limit + 1, asked.after)
    page = found[: asked.limit]
    return JobList(jobs=[summary(each) for each in page], next=page[-1].id if len(found) > len(page) else None)


@router.get(
    "/{job_id}",
    response_model=JobAnswer,
    responses=job_answers() | documented(*ERRORS, NoSuchJobError, JobUnfinishedError, NotAcceptableError),
)
async def job(request: Request, job_id: str, parameters: Annotated[JobParameters, Query()]) -> Any:
    """How a job is, with its result once it has one. With `Accept: application/x-ndjson` it is followed live.

    CSV, WebVTT and SubRip are of its result: 409 before there is one, and its own problem when it failed.
    """
    kept, owner, lifecycle = jobs_of(request), owner_of(request), lifecycle_of(request)
    wanted = parameters.format or wanted_format(request.headers.getlist("Accept"))
    if wanted == "ndjson":
        found = await kept.submissions.find(job_id, owner)
        return FollowAnswer(request, kept, found, parameters.view == "segments")
    waiting = kept.wait(job_id, owner, parameters.wait)
    found = await unless(waiting, (disconnected(request), ClientDisconnect), given_up(lifecycle))
    if wanted in TEXTS:
        return await _text(kept, found, wanted)
    result = await kept.submissions.answer(found.id) if found.status == "succeeded" else None
    if result is not None and parameters.view == "segments":
        whole = await asyncio.to_thread(ClassifyAnswer.model_validate_json, result)
        result = whole.model_copy(update={"clips": []}).model_dump_json().encode()
    webhook = await kept.outbox.find(found.id)
    return Response(answer(found, result, webhook), media_type="application/json")


async def _text(kept: Jobs, found: Job, wanted: Format) -> Response:
    if (problem := problem_of_job(found)) is not None:
        return JSONResponse(problem.model_dump(), problem.status, media_type=PROBLEM)
    if not found.is_over:
        raise JobUnfinishedError(f"the job is {found.status}", ASK_AGAIN)
    whole = ClassifyAnswer.model_validate_json(await kept.submissions.answer(found.id))
    media_type, write = TEXTS[wanted]
    return Response(write(whole), media_type=media_type)


@router.delete("/{job_id}", responses=documented(*ERRORS, NoSuchJobError))
async def forget_job(request: Request, job_id: str) -> JobSummary:
    """Cancel a job, if it is not over, and forget it with its video and its result."""
    found = await jobs_of(request).forget(job_id, owner_of(request))
    return summary(found, None if found.is_over else "cancelled")


def jobs_of(request: Request) -> Jobs:
    """The server's jobs. Raises NotReadyError before they are open, and NoSuchJobError where there never are any."""
    lifecycle = lifecycle_of(request)
    if lifecycle.jobs is not None:
        return lifecycle.jobs
    if lifecycle.loaded is None:
        raise lifecycle.refusal()
    raise NoSuchJobError("this service keeps no jobs")
