"""The client for ordinary code."""

from collections.abc import Iterator
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


class Client:
    """A service at `url`. Close it, or use it in a `with` block; safe from any thread."""

    def __init__(self, url: str, api_key: str | None = None, timeout: float | None = None) -> None:
        """`timeout`: seconds to wait for an answer once the video is sent; None: as long as the service takes."""
        self._http = httpx.Client(base_url=url, headers=headers_of(api_key), timeout=timeout_of(timeout))

    def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """
        with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
            response = self._http.send(self._request(upload, parameters))
        return answer_of(Classification, response)

    def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Iterator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips."""
        with opened(video, on_upload) as upload, reaching(self._http.base_url, upload):
            response = self._http.send(self._request(upload, parameters, Accept=LIVE), stream=True)
            event = None
            try:
                if not response.is_success:
                    response.read()
                    raise problem_of(response)
                for line in response.iter_lines():
                    if event := event_of(line, response):
                        yield event
                check_ended(event, response)
            finally:
                response.close()

    def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""
        with reaching(self._http.base_url):
            response = self._http.get(LABELS)
        return answer_of(Labels, response).labels

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
