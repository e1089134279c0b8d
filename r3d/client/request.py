"""What is sent, whether by `Client` or by `AsyncClient`."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypedDict

import httpx

CLASSIFY = "v1/classify"
LABELS = "labels"
HEALTH = "health"
LIVE = "application/x-ndjson"
CHUNK_BYTES = 1 << 20
CONNECT_SECONDS = 30.0
# As many requests at once as are made: what they wait for is the service, not a connection.
LIMITS = httpx.Limits(max_connections=None)

# A file's path, or its content.
VideoFile = str | os.PathLike[str] | bytes
# Called with the bytes that were read for sending, and all there are.
OnUpload = Callable[[int, int], None]
Query = dict[str, str | int | float]


class Parameters(TypedDict, total=False):
    """What may be asked for, as in the query of `/v1/classify`. None: the model's own."""

    top_k: int | None
    frame_rate: float | None
    clips: int | Literal["all"] | None
    stride: int | None
    start: float | None
    end: float | None
    tail: Literal["drop", "pad"] | None
    aggregate: Literal["vote", "mean"] | None
    threshold: float | None
    embedding: bool


@dataclass(frozen=True)
class Upload:
    """An open video, read piece by piece."""

    stream: BinaryIO
    size: int
    on_upload: OnUpload

    @property
    def headers(self) -> dict[str, str]:
        """What goes before it."""
        return {"Content-Type": "application/octet-stream", "Content-Length": str(self.size)}

    @property
    def under_way(self) -> bool:
        """Whether some of it was read, but not all."""
        return 0 < self.stream.tell() < self.size

    def read(self) -> bytes:
        """The next piece; empty at the end."""
        data = self.stream.read(CHUNK_BYTES)
        self.on_upload(self.stream.tell(), self.size)
        return data


@contextmanager
def opened(video: VideoFile, on_upload: OnUpload | None) -> Iterator[Upload]:
    """The video for as long as the block lasts. Raises OSError for a file that cannot be read."""
    with io.BytesIO(video) if isinstance(video, bytes) else Path(video).open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        yield Upload(stream, size, on_upload or (lambda sent, size: None))


def query_of(parameters: Parameters) -> Query:
    """The query: what is not asked for is the service's own choice."""
    return {name: value for name, value in parameters.items() if value is not None}  # type: ignore[misc]


def address_of(url: str) -> str:
    """A service's address. Raises ValueError for what is none."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r}: an address begins with http:// or https://")
    return url


def headers_of(api_key: str | None) -> dict[str, str]:
    """What every request carries."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def timeout_of(seconds: float | None) -> httpx.Timeout:
    """`seconds` for an answer once the video is sent; None: as long as the service takes."""
    return httpx.Timeout(CONNECT_SECONDS, read=seconds)
