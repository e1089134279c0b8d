"""How requests are made: with patience, the answer whole or as it comes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self

import httpx
from tenacity import AsyncRetrying

from ..errors import is_passing
from ..request import CLASSIFY, LIMITS, OnUpload, Query, Upload, VideoFile, address_of, headers_of, opened, timeout_of
from ..response import Answer, E, EventReader, answer_of, problem_of, reaching
from ..retries import policy


class AsyncConnection:
    """To a service at `url`. Close it, or use it in an `async with` block; several requests may go on at once."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float | None = None, patience: float = 0.0
    ) -> None:
        """As for `Client`."""
        headers, seconds = headers_of(api_key), timeout_of(timeout)
        self._http = httpx.AsyncClient(base_url=address_of(url), headers=headers, timeout=seconds, limits=LIMITS)
        self._patience = patience

    async def _post(
        self, video: VideoFile, query: Query, on_upload: OnUpload | None, headers: dict[str, str], live: bool = False
    ) -> httpx.Response:
        """The answer to a video; `live`: it is still to be read. Raises what `_answered` and `opened` do."""

        async def ask() -> httpx.Response:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                head = upload.headers | headers
                request = self._http.build_request(
                    "POST", CLASSIFY, params=query, content=_pieces(upload), headers=head
                )
                return await self._answered(request, live)

        return await self._retrying()(ask)

    async def _get(self, kind: type[Answer], path: str) -> Answer:
        """What the service says of itself at `path`."""

        async def ask() -> Answer:
            with reaching(self._http.base_url):
                response = await self._http.get(path)
            return answer_of(kind, response)

        return await self._retrying()(ask)

    async def _answered(self, request: httpx.Request, live: bool) -> httpx.Response:
        """Raises the problem that the answer is, if it is one; httpx's errors."""
        response = await self._http.send(request, stream=live)
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

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(**policy(self._patience, is_passing))

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
