"""A job as it goes on: a line of JSON for how it is, one for each clip, then one for the result."""

import asyncio
import time
from collections.abc import AsyncIterator

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...api.jobs import JobEvent
from ...api.problem import problem_of
from ...api.schemas import ClassifyAnswer, ClipEvent, ErrorEvent, ResultEvent
from ...errors import JobsUnavailableError, NotReadyError, ServiceError
from ...jobs.changes import soon
from ...jobs.job import Job
from ...jobs.jobs import Jobs
from ...jobs.told import problem_of_job, summary
from ...telemetry.request_record import CLIENT_LEFT
from ..classify import disconnected, unless
from ..ndjson import AS_THEY_COME, MEDIA_TYPE, send_patiently
from ..request_id import request_id_of
from ..request_log import record_of

# A connection on which nothing comes for long is cut by proxies.
QUIET_SECONDS = 15.0


class Follower:
    """What one client sees of a job."""

    def __init__(self, jobs: Jobs, job: Job, request_id: str, segments_only: bool) -> None:
        self._jobs = jobs
        self._job = job
        self._request_id = request_id
        self._segments_only = segments_only
        self._clips = 0
        self._answer: ClassifyAnswer | None = None

    async def lines(self) -> AsyncIterator[bytes]:
        """Each line as soon as it is known; the last is a result or an error."""
        told, quiet_since = "", 0.0
        with self._jobs.changes.of(self._job.id) as changed:
            while True:
                changed.clear()
                if not await self._look():
                    await soon(changed)
                    continue
                if self._job.status != told or time.monotonic() - quiet_since >= QUIET_SECONDS:
                    told, quiet_since = self._job.status, time.monotonic()
                    yield _line(JobEvent(**dict(summary(self._job))))
                async for line in self._new_clips():
                    quiet_since = time.monotonic()
                    yield line
                if self._job.is_over:
                    yield await self._last()
                    return
                if self._jobs.closing.is_set():
                    raise NotReadyError("the server is shutting down; follow the job on another, or a little later")
                await soon(changed)

    async def _look(self) -> bool:
        """Whether the database could tell how the job is. Raises NoSuchJobError."""
        try:
            self._job = await self._jobs.submissions.find(self._job.id, self._job.owner)
        except JobsUnavailableError:
            return False
        return True

    async def _new_clips(self) -> AsyncIterator[bytes]:
        while self._job.status == "running":
            try:
                new = await self._jobs.submissions.lines(self._job.id, self._clips)
            except JobsUnavailableError:
                return
            if not new:
                return
            for line in new:
                yield line + b"\n"
            self._clips += len(new)
        if self._job.status == "succeeded":
            answer = await self._result()
            for clip in answer.clips[self._clips :]:
                known = clip.model_dump(exclude={"video_label_probability"})
                yield _line(ClipEvent(**known))

    async def _result(self) -> ClassifyAnswer:
        """Read once: of an hour's video it is large."""
        if self._answer is None:
            text = await self._jobs.submissions.answer(self._job.id)
            self._answer = await asyncio.to_thread(ClassifyAnswer.model_validate_json, text)
        return self._answer

    async def _last(self) -> bytes:
        if (problem := problem_of_job(self._job)) is not None:
            return _line(ErrorEvent(**problem.model_dump()))
        answer = await self._result()
        return _line(ResultEvent(**dict(answer) | ({"clips": []} if self._segments_only else {})))

    def failure(self, error: ServiceError) -> bytes:
        """The last line, when following failed."""
        return _line(ErrorEvent(**problem_of(error, self._request_id).model_dump()))


class FollowAnswer(Response):
    """Sends what a follower sees, until the job is over or the client leaves."""

    media_type = MEDIA_TYPE

    def __init__(self, request: Request, jobs: Jobs, job: Job, segments_only: bool) -> None:
        super().__init__(headers=AS_THEY_COME)
        del self.headers["content-length"]
        self._request = request
        self._follower = Follower(jobs, job, request_id_of(request), segments_only)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await unless(self._send(send), (disconnected(self._request), ClientDisconnect))
        except ClientDisconnect:
            record_of(self._request).outcome = CLIENT_LEFT

    async def _send(self, send: Send) -> None:
        await send_patiently(
            send, {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        try:
            async for line in self._follower.lines():
                await send_patiently(send, {"type": "http.response.body", "body": line, "more_body": True})
        except ServiceError as error:
            record_of(self._request).outcome = error.slug
            last = self._follower.failure(error)
            await send_patiently(send, {"type": "http.response.body", "body": last, "more_body": True})
        await send_patiently(send, {"type": "http.response.body", "body": b"", "more_body": False})


def _line(event: BaseModel) -> bytes:
    return event.model_dump_json().encode() + b"\n"
