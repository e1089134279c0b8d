"""Files classified by a running service."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import httpx
from pydantic import ValidationError

from ..api.schemas import FILE_FIELD, ClassifyAnswer
from ..errors import StartupError
from .outcome import LONGEST_WAIT, FileClassifier, OnProgress, Options, Refusal

# For a `Retry-After` that is a date.
USUAL_WAIT = 5.0

# The address is wrong: no file is to blame.
NO_SUCH_SERVICE = (404, 405)

Parameters = dict[str, str | int | float]


class CountedFile:
    """A file that tells how much of it was read."""

    def __init__(self, stream: BinaryIO, size: int, on_progress: OnProgress) -> None:
        self._stream, self._size, self._on_progress = stream, size, on_progress
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._read += len(data)
        whole = self._read >= self._size
        self._on_progress("uploaded" if whole else f"uploading: {100 * self._read // self._size} %")
        return data

    def fileno(self) -> int:
        """The descriptor, by which httpx finds the size."""
        return self._stream.fileno()


@asynccontextmanager
async def remote(url: str, key: str | None, options: Options) -> AsyncIterator[FileClassifier]:
    """A service at `url`, with its API key if it has one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    asked = {"top_k": options.top_k, **asdict(options.query)}
    # What is not asked for is the service's own choice.
    parameters: Parameters = {name: value for name, value in asked.items() if value is not None and value is not False}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=httpx.Timeout(30, read=None)) as client:

        async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
            return _answer_of(await _send(client, video, parameters, on_progress))

        yield classify


async def _send(
    client: httpx.AsyncClient, video: Path, parameters: Parameters, on_progress: OnProgress
) -> httpx.Response:
    with video.open("rb") as stream:
        counted = CountedFile(stream, os.fstat(stream.fileno()).st_size, on_progress)
        # The name stays here: the service has no use for it.
        files = {FILE_FIELD: ("video", counted, "application/octet-stream")}
        try:
            return await client.post("/classify", params=parameters, files=files)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise StartupError(f"{client.base_url}: {error or type(error).__name__}") from error


def wait_of(retry_after: str | None) -> float | None:
    """Seconds to wait; a date, which a proxy may send, is not worked out."""
    if retry_after is None:
        return None
    return min(LONGEST_WAIT, float(retry_after)) if retry_after.isdigit() else USUAL_WAIT


def _answer_of(answer: httpx.Response) -> ClassifyAnswer:
    """Raises Refusal for a problem, StartupError for what this service never answers."""
    try:
        if answer.is_success:
            return ClassifyAnswer.model_validate_json(answer.content)
        if answer.status_code in NO_SUCH_SERVICE:
            raise ValueError("there is no such path")
        problem = answer.json()
        retry_after = wait_of(answer.headers.get("Retry-After"))
        raise Refusal(problem["type"], problem["title"], answer.status_code, problem["detail"], retry_after)
    except (ValidationError, ValueError, KeyError) as error:
        raise StartupError(f"{answer.url} does not answer as this service does ({answer.status_code})") from error
