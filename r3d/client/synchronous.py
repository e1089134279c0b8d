"""The client for ordinary code."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self, Unpack

import httpx
from tenacity import Retrying

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


class Client:
    """A service at `url`. Close it, or use it in a `with` block; safe from any thread."""

    def __init__(
        self, url: str, api_key: str | None = None, timeout: float | None = None, patience: float = 0.0
    ) -> None:
        """`timeout`: seconds to wait for an answer once the video is sent; None: as long as the service takes.

        `patience`: seconds for which a request is made again while the service is full, restarted or away.
        """
        self._http = httpx.Client(base_url=url, headers=headers_of(api_key), timeout=timeout_of(timeout), limits=LIMITS)
        self._patience = patience

    def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """

        def ask() -> Classification:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                response = self._http.send(self._request(upload, parameters))
            return answer_of(Classification, response)

        return self._retrying()(ask)

    def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Iterator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips.

        Nothing is asked again once the first clip is there.
        """

        def ask() -> httpx.Response:
            with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
                response = self._http.send(self._request(upload, parameters, Accept=LIVE), stream=True)
                if response.is_success:
                    return response
                try:
                    response.read()
                finally:
                    response.close()
            raise problem_of(response)

        response = self._retrying()(ask)
        reader = EventReader(response)
        try:
            with reaching(self._http.base_url):
                for block in response.iter_bytes():
                    yield from reader.read(block)
                yield from reader.end()
        finally:
            response.close()

    def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""

        def ask() -> list[str]:
            with reaching(self._http.base_url):
                response = self._http.get(LABELS)
            return answer_of(Labels, response).labels

        return self._retrying()(ask)

    def _retrying(self) -> Retrying:
        return Retrying(**policy(self._patience, is_passing))

    def _request(self, upload: Upload, parameters: Parameters, **headers: str) -> httpx.Request:
        return self._http.build_request(
            "POST",
            CLASSIFY,
            params=query_of(parameters),
            content=iter(upload.read, b""),
            headers=upload.headers | headers,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
