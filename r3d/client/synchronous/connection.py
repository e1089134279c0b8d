"""How requests are made: with patience, the answer whole or as it comes."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httpx
from tenacity import Retrying

from ..errors import is_passing
from ..request import CLASSIFY, LIMITS, OnUpload, Query, VideoFile, address_of, headers_of, opened, timeout_of
from ..response import Answer, E, EventReader, answer_of, problem_of, reaching
from ..retries import policy


class Connection:
    """To a service at `url`. Close it, or use it in a `with` block; safe from any thread."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float | None = None, patience: float = 0.0
    ) -> None:
        """`timeout`: seconds to wait for an answer once the video is sent; None: as long as the service takes.

        `patience`: seconds for which a request is made again while the service is full, restarted or away.

        Raises ValueError for a `url` that is none.
        """
        headers, seconds = headers_of(api_key), timeout_of(timeout)
        self._http = httpx.Client(base_url=address_of(url), headers=headers, timeout=seconds, limits=LIMITS)
        self._patience = patience

    def _post(
        self, video: VideoFile, query: Query, on_upload: OnUpload | None, headers: dict[str, str], live: bool = False
    ) -> httpx.Response:
        """The answer to a video; `live`: it is still to be read. Raises what `_answered` and `opened` do."""

        def ask() -> httpx.Response:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                head, content = upload.headers | headers, iter(upload.read, b"")
                request = self._http.build_request("POST", CLASSIFY, params=query, content=content, headers=head)
                return self._answered(request, live)

        return self._retrying()(ask)

    def _get(self, kind: type[Answer], path: str) -> Answer:
        """What the service says of itself at `path`."""

        def ask() -> Answer:
            with reaching(self._http.base_url):
                response = self._http.get(path)
            return answer_of(kind, response)

        return self._retrying()(ask)

    def _answered(self, request: httpx.Request, live: bool) -> httpx.Response:
        """Raises the problem that the answer is, if it is one; httpx's errors."""
        response = self._http.send(request, stream=live)
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

    def _retrying(self) -> Retrying:
        return Retrying(**policy(self._patience, is_passing))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
