"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self, Unpack

import httpx

from .answers import Classification, Event, Labels
from .request import (
    CLASSIFY,
    LABELS,
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
from .response import answer_of, check_ended, event_of, problem_of, reaching


class AsyncClient:
    """A service at `url`. Close it, or use it in an `async with` block; several requests may go on at once."""

    def __init__(self, url: str, api_key: str | None = None, timeout: float | None = None) -> None:
        """`timeout`: seconds to wait for an answer once the video is sent; None: as long as the service takes."""
        self._http = httpx.AsyncClient(base_url=url, headers=headers_of(api_key), timeout=timeout_of(timeout))

    async def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content; files are read in threads, where `on_upload` is called.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """
        with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
            response = await self._http.send(self._request(upload, parameters))
        return answer_of(Classification, response)

    async def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> AsyncGenerator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips."""
        with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
            response = await self._http.send(self._request(upload, parameters, Accept=LIVE), stream=True)
            event = None
            try:
                if not response.is_success:
                    await response.aread()
                    raise problem_of(response)
                async for line in response.aiter_lines():
                    if event := event_of(line, response):
                        yield event
                check_ended(event, response)
            finally:
                await response.aclose()

    async def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = await self._http.get(LABELS)
        return answer_of(Labels, response).labels

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
