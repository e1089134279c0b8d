"""Files classified by a running service."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx
from pydantic import Field, TypeAdapter, ValidationError

from ..api.problem import TYPE_PREFIX
from ..api.schemas import FILE_FIELD, ClassifyAnswer, ClipEvent, ErrorEvent, Problem, ResultEvent
from ..errors import StartupError
from .outcome import LONGEST_WAIT, FileClassifier, OnProgress, Options, Refusal

# For a `Retry-After` that is a date.
USUAL_WAIT = 5.0

# Asked again in this run, whoever says so, the service or what stands before it.
AGAIN = (429, 502, 503, 504)
# Of what stands before the service: it takes no file of this size.
TOO_LARGE = 413

# The address is wrong: no file is to blame.
NO_SUCH_SERVICE = (404, 405)

LIVE = "application/x-ndjson"
Event = ClipEvent | ResultEvent | ErrorEvent
EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


class CountedFile:
    """A file that tells how much of it was read."""

    def __init__(self, stream: BinaryIO, size: int, on_progress: OnProgress) -> None:
        self._stream, self._size, self._on_progress = stream, size, on_progress
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._read += len(data)
        if self._read < self._size:
            self._on_progress("uploading", self._read / self._size)
        else:
            self._on_progress("uploaded")
        return data

    def fileno(self) -> int:
        """The descriptor, by which httpx finds the size."""
        return self._stream.fileno()


class Service:
    """A service, as one client asks it."""

    def __init__(self, client: httpx.AsyncClient, parameters: dict[str, Any]) -> None:
        self._client, self._parameters = client, parameters
        self._answered = False

    async def classify(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        """See `FileClassifier`. What was answered once and is not there now may come back; Refusal says so."""
        try:
            return await self._ask(video, on_progress)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            if not self._answered:
                raise StartupError(f"{self._client.base_url}: {reason}") from error
            raise Refusal(f"{TYPE_PREFIX}service-lost", "Service lost", 0, reason, retry_after=0) from error

    async def _ask(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        with video.open("rb") as stream:
            counted = CountedFile(stream, os.fstat(stream.fileno()).st_size, on_progress)
            # The name stays here: the service has no use for it.
            files: Any = {FILE_FIELD: ("video", counted, "application/octet-stream")}
            headers = {"Accept": LIVE}
            sent = self._client.stream("POST", "/classify", params=self._parameters, files=files, headers=headers)
            async with sent as answer:
                self._answered = True
                if answer.is_success:
                    return await _result(answer, on_progress)
                await answer.aread()
                raise _refusal(answer)


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
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    asked = {"top_k": options.top_k, **asdict(options.query)}
    # What is not asked for is the service's own choice.
    parameters = {name: value for name, value in asked.items() if value is not None and value is not False}
    timeout, limits = httpx.Timeout(30, read=None), httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, limits=limits) as client:
        yield Service(client, parameters).classify


async def _result(answer: httpx.Response, on_progress: OnProgress) -> ClassifyAnswer:
    """The last line of a live answer; those of its clips are progress."""
    try:
        async for line in _lines(answer):
            event = EVENTS.validate_json(line)
            if isinstance(event, ResultEvent):
                return ClassifyAnswer(**dict(event))
            if isinstance(event, ErrorEvent):
                raise _problem(event, None)
            on_progress(f"{event.index + 1} clips", event.progress)
    except (ValidationError, ValueError) as error:
        raise _stranger(answer) from error
    raise httpx.RemoteProtocolError("the answer ended before its result")


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The client's own way takes other characters, which a label may have, for ends of lines too."""
    rest = b""
    async for block in answer.aiter_bytes():
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest


def wait_of(retry_after: str | None) -> float | None:
    """Seconds to wait; a date, which a proxy may send, is not worked out."""
    if retry_after is None:
        return None
    return min(LONGEST_WAIT, float(retry_after)) if retry_after.isdigit() else USUAL_WAIT


def _refusal(answer: httpx.Response) -> Refusal:
    """What an error says: a problem of the service, or an answer of a proxy before it.

    Raises StartupError for what neither answers.
    """
    retry_after = wait_of(answer.headers.get("Retry-After"))
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError as error:
        if answer.status_code not in (*AGAIN, TOO_LARGE):
            raise _stranger(answer) from error
        phrase = HTTPStatus(answer.status_code).phrase
        problem = Problem(type="about:blank", title=phrase, status=answer.status_code, detail=phrase, request_id="")
    if problem.status in NO_SUCH_SERVICE:
        raise _stranger(answer)
    return _problem(problem, retry_after)


def _problem(problem: Problem, retry_after: float | None) -> Refusal:
    if retry_after is None and problem.status in AGAIN:
        retry_after = 0.0
    return Refusal(problem.type, problem.title, problem.status, problem.detail, retry_after)


def _stranger(answer: httpx.Response) -> StartupError:
    return StartupError(f"{answer.url} does not answer as this service does ({answer.status_code})")
