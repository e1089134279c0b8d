"""The client for ordinary code."""

import math
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self, Unpack

import httpx
from tenacity import Retrying

from .answers import Classification, Event, Health, Labels
from .errors import ClientError, is_passing
from .job import (
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
from .request import (
    CLASSIFY,
    HEALTH,
    LABELS,
    LIMITS,
    LIVE,
    OnUpload,
    Parameters,
    Query,
    Upload,
    VideoFile,
    headers_of,
    opened,
    query_of,
    timeout_of,
)
from .response import E, EventReader, answer_of, event_of, problem_of, reaching
from .retries import policy


class Client:
    """A service at `url`. Close it, or use it in a `with` block; safe from any thread."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float | None = None, patience: float = 0.0
    ) -> None:
        """`timeout`: seconds to wait for an answer once the video is sent; None: as long as the service takes.

        `patience`: seconds for which a request is made again while the service is full, restarted or away.
        """
        self._http = httpx.Client(base_url=url, headers=headers_of(api_key), timeout=timeout_of(timeout), limits=LIMITS)
        self._patience = patience

    def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """

        def ask() -> Classification:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                response = self._http.send(self._request(upload, query_of(parameters)))
            return answer_of(Classification, response)

        return self._retrying()(ask)

    def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Iterator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips.

        Nothing is asked again once the first clip is there.
        """

        def ask() -> httpx.Response:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                return self._stream(self._request(upload, query_of(parameters), Accept=LIVE))

        response = self._retrying()(ask)
        reader: EventReader[Event] = EventReader(response, event_of)
        yield from self._events(response, reader)

    def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""

        def ask() -> list[str]:
            with reaching(self._http.base_url):
                response = self._http.get(LABELS)
            return answer_of(Labels, response).labels

        return self._retrying()(ask)

    def health(self) -> Health:
        """What answers, once it accepts requests: before, a `ProblemError` that passes. Raises as `classify` does."""

        def ask() -> Health:
            with reaching(self._http.base_url):
                response = self._http.get(HEALTH)
            return answer_of(Health, response)

        return self._retrying()(ask)

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
        headers = job_headers(key, again=self._patience > 0)

        def ask() -> Job:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                response = self._http.send(self._request(upload, asked, **headers))
            return submitted(response)

        return self._retrying()(ask)

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
            response = self._stream(request)
        return self._events(response, followed(response))

    def _stream(self, request: httpx.Request) -> httpx.Response:
        """An answer that is still to be read. Raises the problem that it is, if it is one."""
        response = self._http.send(request, stream=True)
        if response.is_success:
            return response
        try:
            response.read()
        finally:
            response.close()
        raise problem_of(response)

    def _events(self, response: httpx.Response, reader: EventReader[E]) -> Iterator[E]:
        """All that a live answer tells; it is closed then."""
        try:
            with reaching(self._http.base_url):
                for block in response.iter_bytes():
                    yield from reader.read(block)
                yield from reader.end()
        finally:
            response.close()

    def forget(self, job: str) -> Job:
        """Cancel a job, if it is not over, and have it forgotten. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = self._http.delete(path_of(job))
        return answer_of(Job, response)

    def _retrying(self) -> Retrying:
        return Retrying(**policy(self._patience, is_passing))

    def _request(self, upload: Upload, query: Query, **headers: str) -> httpx.Request:
        return self._http.build_request(
            "POST",
            CLASSIFY,
            params=query,
            content=iter(upload.read, b""),
            headers=upload.headers | headers,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
