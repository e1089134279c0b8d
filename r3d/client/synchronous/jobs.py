"""Jobs: sent, asked for, waited for, followed and forgotten."""

import math
import time
from collections.abc import Iterator
from typing import Unpack

from ..answers import Classification
from ..errors import ClientError
from ..job import (
    HELD_SECONDS,
    FollowEvent,
    Job,
    Patience,
    followed,
    job_headers,
    path_of,
    result_of,
    submitted,
    waiting,
)
from ..request import LIVE, OnUpload, Parameters, VideoFile, query_of
from ..response import answer_of, reaching
from .connection import Connection


class Jobs(Connection):
    """What a client does with jobs."""

    def submit(
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
        return submitted(self._post(video, asked, on_upload, job_headers(key, again=self._patience > 0)))

    def job(self, job: str, wait: float = 0.0) -> Job:
        """How a job is; after `wait` seconds if it is not over before. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = self._http.get(path_of(job), params=waiting(wait), timeout=HELD_SECONDS * 2)
        return answer_of(Job, response)

    def wait(self, job: str, seconds: float | None = None) -> Classification:
        """A job's result, waited for, also while the service is restarted.

        Raises TimeoutError after so many `seconds`, ProblemError when the job failed, and as `classify` does.
        """
        deadline = time.monotonic() + (math.inf if seconds is None else seconds)
        patience = Patience(time.monotonic())
        while True:
            try:
                found = self.job(job, wait=deadline - time.monotonic())
                patience.heard(time.monotonic())
            except ClientError as error:
                time.sleep(patience.pause(error, time.monotonic()))
            else:
                if (result := result_of(found)) is not None:
                    return result
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {job} is not over after {seconds:g} s")

    def follow(self, job: str) -> Iterator[FollowEvent]:
        """How a job is, each clip as soon as it is known, then the result; taken up again where a connection breaks.

        Raises ProblemError when the job failed, and as `classify` does.
        """
        patience = Patience(time.monotonic())
        while True:
            try:
                for event in self._followed_once(job):
                    if patience.is_new(event, time.monotonic()):
                        yield event
                return
            except ClientError as error:
                time.sleep(patience.pause(error, time.monotonic()))

    def _followed_once(self, job: str) -> Iterator[FollowEvent]:
        request = self._http.build_request("GET", path_of(job), headers={"Accept": LIVE}, timeout=HELD_SECONDS * 2)
        with reaching(self._http.base_url):
            response = self._answered(request, live=True)
        return self._events(response, followed(response))

    def forget(self, job: str) -> Job:
        """Cancel a job, if it is not over, and have it forgotten. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = self._http.delete(path_of(job))
        return answer_of(Job, response)
