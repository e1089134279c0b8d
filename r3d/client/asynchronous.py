"""The client for asyncio."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Self, Unpack

import httpx
from tenacity import AsyncRetrying

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


class AsyncClient:
    """A service at `url`. Close it, or use it in an `async with` block; several requests may go on at once."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float | None = None, patience: float = 0.0
    ) -> None:
        """As for `Client`."""
        headers, seconds = headers_of(api_key), timeout_of(timeout)
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=seconds, limits=LIMITS)
        self._patience = patience

    async def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content; files are read in threads, where `on_upload` is called.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """

        async def ask() -> Classification:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                response = await self._http.send(self._request(upload, query_of(parameters)))
            return answer_of(Classification, response)

        return await self._retrying()(ask)

    async def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> AsyncGenerator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips.

        Nothing is asked again once the first clip is there.
        """

        async def ask() -> httpx.Response:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                return await self._stream(self._request(upload, query_of(parameters), Accept=LIVE))

        response: httpx.Response = await self._retrying()(ask)
        reader: EventReader[Event] = EventReader(response, event_of)
        async with aclosing(self._events(response, reader)) as events:
            async for event in events:
                yield event

    async def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""

        async def ask() -> list[str]:
            with reaching(self._http.base_url):
                response = await self._http.get(LABELS)
            return answer_of(Labels, response).labels

        return await self._retrying()(ask)

    async def health(self) -> Health:
        """What answers, once it accepts requests: before, a `ProblemError` that passes. Raises as `classify` does."""

        async def ask() -> Health:
            with reaching(self._http.base_url):
                response = await self._http.get(HEALTH)
            return answer_of(Health, response)

        return await self._retrying()(ask)

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
        headers = job_headers(key, again=self._patience > 0)

        async def ask() -> Job:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                response = await self._http.send(self._request(upload, asked, **headers))
            return submitted(response)

        return await self._retrying()(ask)

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
            response = await self._stream(request)
        return self._events(response, followed(response))

    async def _stream(self, request: httpx.Request) -> httpx.Response:
        """An answer that is still to be read. Raises the problem that it is, if it is one."""
        response = await self._http.send(request, stream=True)
        if response.is_success:
            return response
        try:
            await response.aread()
        finally:
            await response.aclose()
        raise problem_of(response)

    async def _events(self, response: httpx.Response, reader: EventReader[E]) -> AsyncGenerator[E]:
        """All that a live answer tells; it is closed then."""
        try:
            with reaching(self._http.base_url):
                async for block in response.aiter_bytes():
                    for event in reader.read(block):
                        yield event
                for event in reader.end():
                    yield event
        finally:
            await response.aclose()

    async def forget(self, job: str) -> Job:
        """Cancel a job, if it is not over, and have it forgotten. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = await self._http.delete(path_of(job))
        return answer_of(Job, response)

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(**policy(self._patience, is_passing))

    def _request(self, upload: Upload, query: Query, **headers: str) -> httpx.Request:
        return self._http.build_request(
            "POST", CLASSIFY, params=query, content=_pieces(upload), headers=upload.headers | headers
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _pieces(upload: Upload) -> AsyncIterator[bytes]:
    while data := await asyncio.to_thread(upload.read):
        yield data
