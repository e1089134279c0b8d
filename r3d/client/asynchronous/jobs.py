"""Jobs: sent, asked for, waited for, followed and forgotten."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Unpack

from ..answers import Classification
from ..errors import ClientError, ProblemError
from ..job import (
    ACCEPTED,
    HELD_SECONDS,
    FollowEvent,
    Job,
    Patience,
    followed,
    is_of_the_service,
    job_headers,
    key_of,
    path_of,
    result_of,
    submitted,
    waiting,
)
from ..request import LIVE, OnUpload, Parameters, VideoFile, query_of
from ..response import EventReader, answer_of, event_of, reaching
from .connection import AsyncConnection


class AsyncJobs(AsyncConnection):
    """What a client does with jobs."""

    async def submit(
        self,
        video: VideoFile,
        *,
        key: str | None = None,
        webhook: str | None = None,
        on_upload: OnUpload | None = None,
        **parameters: Unpack[Parameters],
    ) -> Job:
        """Send a file to become a job, which is on the service's disk when this returns.

        With the same `key`, for a day, it is the same job. `webhook`: where the service tells that it is over.

        Raises as `classify` does, and UnexpectedAnswerError where no jobs are kept.
        """
        asked = query_of(parameters) | ({"webhook": webhook} if webhook is not None else {})
        return submitted(await self._post(video, asked, on_upload, job_headers(key, again=self._patience > 0)))

    async def job_events(
        self,
        video: VideoFile,
        *,
        key: str | None = None,
        on_upload: OnUpload | None = None,
        **parameters: Unpack[Parameters],
    ) -> AsyncGenerator[FollowEvent]:
        """Send a file to become a job and follow it; where no jobs are kept, the same as `events`.

        `key` is as for `submit`; without one it is made of the video and the parameters: the same call, made again
        within a day, takes its job up where it is. One that failed by the service's fault is forgotten, and made anew
        by the next call. Raises as `follow` does.
        """
        asked = query_of(parameters)
        headers = job_headers(key or await asyncio.to_thread(key_of, video, asked), again=False)
        response = await self._post(video, asked, on_upload, headers | {"Accept": LIVE}, live=True)
        if response.status_code == ACCEPTED:
            events = self._to_its_end(answer_of(Job, await self._whole(response)).id)
        else:
            events = self._events(response, EventReader(response, event_of))
        async with aclosing(events):
            async for event in events:
                yield event

    async def _to_its_end(self, job: str) -> AsyncGenerator[FollowEvent]:
        last: FollowEvent | None = None
        try:
            async with aclosing(self.follow(job)) as events:
                async for last in events:
                    yield last
        except ProblemError as error:
            if is_of_the_service(error, last):
                await self.forget(job)
            raise

    async def job(self, job: str, wait: float = 0.0) -> Job:
        """How a job is; after `wait` seconds if it is not over before. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = await self._http.get(path_of(job), params=waiting(wait), timeout=HELD_SECONDS * 2)
        return answer_of(Job, response)

    async def wait(self, job: str, seconds: float | None = None) -> Classification:
        """A job's result, waited for, also while the service is restarted.

        Raises TimeoutError after so many `seconds`, ProblemError when the job failed, and as `classify` does.
        """
        deadline = time.monotonic() + (math.inf if seconds is None else seconds)
        patience = Patience(time.monotonic())
        while True:
            try:
                found = await self.job(job, wait=deadline - time.monotonic())
                patience.heard(time.monotonic())
            except ClientError as error:
                await asyncio.sleep(patience.pause(error, time.monotonic()))
            else:
                if (result := result_of(found)) is not None:
                    return result
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {job} is not over after {seconds:g} s")

    async def follow(self, job: str) -> AsyncGenerator[FollowEvent]:
        """How a job is, each clip as soon as it is known, then the result; taken up again where a connection breaks.

        Raises ProblemError when the job failed, and as `classify` does.
        """
        patience = Patience(time.monotonic())
        while True:
            try:
                async with aclosing(await self._followed_once(job)) as events:
                    async for event in events:
                        if patience.is_new(event, time.monotonic()):
                            yield event
                return
            except ClientError as error:
                await asyncio.sleep(patience.pause(error, time.monotonic()))

    async def _followed_once(self, job: str) -> AsyncGenerator[FollowEvent]:
        request = self._http.build_request("GET", path_of(job), headers={"Accept": LIVE}, timeout=HELD_SECONDS * 2)
        with reaching(self._http.base_url):
            response = await self._answered(request, live=True)
        return self._events(response, followed(response))

    async def forget(self, job: str) -> Job:
        """Cancel a job, if it is not over, and have it forgotten. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = await self._http.delete(path_of(job))
        return answer_of(Job, response)
