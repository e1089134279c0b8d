"""What classifies a local file: this process, or a service somewhere."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import httpx
from pydantic import ValidationError

from .answers import classify_answer
from .errors import ServiceError, StartupError
from .multipart import FILE_FIELD
from .problems import TYPE_PREFIX
from .runtime import Runtime
from .schemas import ClassifyAnswer
from .settings import Settings

# A busy service is asked again, this often, when it says.
ATTEMPTS = 20
LONGEST_WAIT = 60.0
USUAL_WAIT = 5.0
BUSY = (429, 503)
SERVERS_FAULT = (401, 503, 507)

OnProgress = Callable[[str], None]


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818
    """A file that was not classified, and why, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def unreadable(cls, error: OSError) -> "Refusal":
        """Of a file that is not there or may not be read."""
        return cls("about:blank", "File cannot be read", 0, error.strerror or str(error))

    @property
    def is_the_files_fault(self) -> bool:
        """Whether another file may fare better."""
        return self.status not in SERVERS_FAULT


class Classifier(Protocol):
    """Classifies one file at a time or several at once; `on_progress` hears what is being done."""

    async def __call__(self, video: Path, on_progress: OnProgress) -> ClassifyAnswer:
        """Raises Refusal; StartupError when nothing can be classified at all; OSError for a file that is not there."""


async def outcome_of(classifier: Classifier, video: Path, on_progress: OnProgress) -> ClassifyAnswer | Refusal:
    """What became of a file. Raises StartupError when the fault is not the file's: another would fare no better."""
    try:
        return await classifier(video, on_progress)
    except Refusal as refusal:
        if not refusal.is_the_files_fault:
            raise StartupError(refusal.detail) from refusal
        return refusal
    except OSError as error:
        return Refusal.unreadable(error)


@dataclass(frozen=True)
class Query:
    """What may be asked for."""

    top_k: int
    frame_rate: float | None


@asynccontextmanager
async def local(settings: Settings, query: Query) -> AsyncIterator[Classifier]:
    """The service's pipeline in this process. Raises StartupError."""
    runtime = Runtime(settings)
    runtime.start()
    try:
        await runtime.loaded()
        top_k = min(query.top_k, len(runtime.manifest.labels))

        async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
            await asyncio.to_thread(_check_readable, video)
            try:
                done = await runtime.pipeline.classify(
                    video, query.frame_rate, lambda result: on_progress(f"{result.clip.index + 1} clips")
                )
            except ServiceError as error:
                slug = f"{TYPE_PREFIX}{error.slug}"
                raise Refusal(slug, error.title, int(error.status), error.detail) from error
            return classify_answer(done, runtime.manifest, runtime.description, top_k)

        yield classify
    finally:
        await runtime.close()


def _check_readable(video: Path) -> None:
    with video.open("rb"):
        pass


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, stream: BinaryIO, size: int, on_progress: OnProgress) -> None:
        self._stream, self._size, self._on_progress = stream, size, on_progress
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._read += len(data)
        whole = self._read >= self._size
        self._on_progress("uploaded" if whole else f"uploading: {100 * self._read // self._size} %")
        return data

    def fileno(self) -> int:
        return self._stream.fileno()


@asynccontextmanager
async def remote(url: str, key: str | None, query: Query) -> AsyncIterator[Classifier]:
    """A service at `url`, with its API key if it has one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    parameters: dict[str, str | int | float] = {"top_k": query.top_k}
    if query.frame_rate is not None:
        parameters["frame_rate"] = query.frame_rate
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=httpx.Timeout(30, read=None)) as client:

        async def classify(video: Path, on_progress: OnProgress) -> ClassifyAnswer:
            for _ in range(ATTEMPTS):
                answer = await _send(client, video, parameters, on_progress)
                if answer.status_code not in BUSY or "Retry-After" not in answer.headers:
                    break
                on_progress("waiting: the service is busy")
                await asyncio.sleep(_wait_of(answer.headers["Retry-After"]))
            return _answer_of(answer)

        yield classify


async def _send(
    client: httpx.AsyncClient, video: Path, parameters: dict[str, str | int | float], on_progress: OnProgress
) -> httpx.Response:
    with video.open("rb") as stream:
        counted = _Counted(stream, os.fstat(stream.fileno()).st_size, on_progress)
        # The name stays here: the service has no use for it.
        files = {FILE_FIELD: ("video", counted, "application/octet-stream")}
        try:
            return await client.post("/classify", params=parameters, files=files)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise StartupError(f"{client.base_url}: {error or type(error).__name__}") from error


def _wait_of(retry_after: str) -> float:
    """Seconds to wait; a date, which a proxy may send, is not worked out."""
    return min(LONGEST_WAIT, float(retry_after)) if retry_after.isdigit() else USUAL_WAIT


def _answer_of(answer: httpx.Response) -> ClassifyAnswer:
    try:
        if answer.is_success:
            return ClassifyAnswer.model_validate_json(answer.content)
        problem = answer.json()
        raise Refusal(problem["type"], problem["title"], answer.status_code, problem["detail"])
    except (ValidationError, ValueError, KeyError) as error:
        raise StartupError(f"{answer.url} does not answer as this service does ({answer.status_code})") from error
