"""Files classified by a running service, asked by the client that other programs use.

A long file becomes a job where the service keeps jobs; any other is a request.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import cast

import httpx

from r3d.client import (
    AsyncClient,
    ClipEvent,
    Event,
    FollowEvent,
    JobEvent,
    Parameters,
    ProblemError,
    ResultEvent,
    UnexpectedAnswerError,
    UnreachableError,
)
from r3d.client.request import OnUpload

from ..api.problem import TYPE_PREFIX
from ..api.schemas import ClassifyAnswer
from ..errors import StartupError
from .outcome import FileClassifier, OnProgress, Options, Refusal
from .remote_job import LONG_BYTES, NO_SUCH_JOB, LongFiles


class Service:
    """A service, as one client asks it. Each file is asked for once: `outcome_of` asks again."""

    def __init__(self, client: AsyncClient, parameters: Parameters) -> None:
        self._client, self._parameters = client, parameters
        self._long = LongFiles(client, parameters)
        self._answered = False

    async def classify(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        """See `FileClassifier`. What was answered once and is not there now may come back; Refusal says so."""
        try:
            return await self._ask(video, on_progress)
        except UnreachableError as error:
            if not self._answered:
                raise StartupError(str(error)) from error
            raise Refusal(f"{TYPE_PREFIX}service-lost", "Service lost", 0, str(error), retry_after=0) from error
        except UnexpectedAnswerError as error:
            raise StartupError(str(error)) from error
        except ProblemError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise StartupError("the API key is missing or wrong: give it by --key or R3D_API_KEY") from error
            self._answered = True
            passing = error.passing or error.kind == NO_SUCH_JOB  # the service lost its disk: sent again, it has it
            again = (error.retry_after or 0.0) if passing else error.retry_after
            raise Refusal(error.type, error.title, error.status, error.detail, again) from error

    async def _ask(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        loop = asyncio.get_running_loop()

        def on_upload(sent: int, size: int) -> None:  # in a thread
            told = ("uploading", sent / size) if sent < size else ("uploaded",)
            loop.call_soon_threadsafe(on_progress, *told)

        result: Event | FollowEvent | None = None
        async with aclosing(await self._events(video, on_upload)) as events:
            async for event in events:
                self._answered = True
                if isinstance(event, ClipEvent):
                    on_progress(f"{event.index + 1} clips", event.progress)
                elif isinstance(event, JobEvent) and event.status == "queued":
                    on_progress("waiting for its turn")
                result = event
        assert isinstance(result, ResultEvent)  # noqa: S101  # the client's word
        return ClassifyAnswer.model_validate(result.model_dump())

    async def _events(self, video: Path, on_upload: OnUpload) -> AsyncGenerator[Event | FollowEvent]:
        if (await asyncio.to_thread(video.stat)).st_size >= LONG_BYTES:
            weights = await self._weights_of_jobs()
            if weights is not None:
                return self._long.events(video, weights, on_upload)
        return self._client.events(video, on_upload=on_upload, **self._parameters)

    async def _weights_of_jobs(self) -> str | None:
        """The SHA-256 of the weights by which the service does jobs; None where it keeps none, or nobody can tell."""
        try:
            health = await self._client.health()
        except UnexpectedAnswerError:  # a proxy keeps the service's health to itself
            return None
        self._answered = True
        return health.model.weights_sha256 if health.jobs else None


def base_url(text: str) -> str:
    """The address of a service, which may be given as `host:port`. Raises StartupError for what is no address."""
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as error:
        raise StartupError(f"{text}: no address of a service: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise StartupError(f"{text}: no address of a service; it is as in localhost:8000 or https://example.org")
    return str(url)


@asynccontextmanager
async def remote(url: str, key: str | None, options: Options) -> AsyncIterator[FileClassifier]:
    """A service at `url`, with its API key if it has one."""
    asked = {"top_k": options.top_k, **asdict(options.query)}
    parameters = cast(Parameters, {name: value for name, value in asked.items() if value is not False})
    async with AsyncClient(url, key) as client:
        yield Service(client, parameters).classify
