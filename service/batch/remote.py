"""Files classified by a running service, asked by the client that other programs use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

import httpx

from r3d.client import (
    AsyncClient,
    ClipEvent,
    FollowEvent,
    JobEvent,
    Parameters,
    ProblemError,
    ResultEvent,
    UnexpectedAnswerError,
    UnreachableError,
)

from ..api.problem import TYPE_PREFIX
from ..api.schemas import ClassifyAnswer
from ..errors import StartupError
from .outcome import FileClassifier, OnProgress, Options, Refusal

# A file of so many bytes, minutes of most videos, becomes a job where the service keeps jobs: proxies, restarts and the
# end of this command cost it nothing then. A smaller one is soon sent again.
JOB_BYTES = 32 << 20


class Service:
    """A service, as one client asks it. Each file is asked for once: `outcome_of` asks again."""

    def __init__(self, client: AsyncClient, parameters: Parameters) -> None:
        self._client, self._parameters = client, parameters
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
            self._answered = True
            again = (error.retry_after or 0.0) if error.passing else error.retry_after
            raise Refusal(error.type, error.title, error.status, error.detail, again) from error

    async def _ask(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        loop = asyncio.get_running_loop()

        def on_upload(sent: int, size: int) -> None:  # in a thread
            told = ("uploading", sent / size) if sent < size else ("uploaded",)
            loop.call_soon_threadsafe(on_progress, *told)

        result: FollowEvent | None = None
        is_long = (await asyncio.to_thread(video.stat)).st_size >= JOB_BYTES
        ask = self._client.job_events if is_long else self._client.events
        async with aclosing(ask(video, on_upload=on_upload, **self._parameters)) as events:
            async for event in events:
                self._answered = True
                if isinstance(event, ClipEvent):
                    on_progress(f"{event.index + 1} clips", event.progress)
                elif isinstance(event, JobEvent) and event.status == "queued":
                    on_progress("waiting at the service")
                result = event
        assert isinstance(result, ResultEvent)  # noqa: S101  # the client's word
        return ClassifyAnswer.model_validate(result.model_dump())


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
