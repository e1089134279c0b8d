"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self, Unpack

import httpx
from tenacity import AsyncRetrying

from .answers import Classification, Event, Labels
from .errors import is_passing
from .request import (
    CLASSIFY,
    LABELS,
    LIMITS,
    LIVE,
    OnUpload,
    Parameters,
    Upload,
    VideoFile,
    headers_of,
    opened,
    query_of,
    timeout_of,
)
from .response import EventReader, answer_of, problem_of, reaching
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
                response = await self._http.send(self._request(upload, parameters))
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
                response = await self._http.send(self._request(upload, parameters, Accept=LIVE), stream=True)
                if response.is_success:
                    return response
                try:
                    await response.aread()
                finally:
                    await response.aclose()
            raise problem_of(response)

        response: httpx.Response = await self._retrying()(ask)
        reader = EventReader(response)
        try:
            with reaching(self._http.base_url):
                async for block in response.aiter_bytes():
                    for event in reader.read(block):
                        yield event
                for event in reader.end():
                    yield event
        finally:
            await response.aclose()

    async def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""

        async def ask() -> list[str]:
            with reaching(self._http.base_url):
                response = await self._http.get(LABELS)
            return answer_of(Labels, response).labels

        return await self._retrying()(ask)

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(**policy(self._patience, is_passing))

    def _request(self, upload: Upload, parameters: Parameters, **headers: str) -> httpx.Request:
        return self._http.build_request(
            "POST", CLASSIFY, params=query_of(parameters), content=_pieces(upload), headers=upload.headers | headers
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
