"""What a request's body is: the video itself, or a form that holds it."""

from collections.abc import Callable
from typing import Protocol

from python_multipart.multipart import parse_options_header

from ...api.schemas import FILE_FIELD
from ...errors import UploadError
from .multipart import FORM, FileForm

RAW = "application/octet-stream"
VIDEO = "video/"


class Body(Protocol):
    """Takes a body piece by piece."""

    def feed(self, chunk: bytes) -> None:
        """Take the next piece. Raises UploadError."""

    def finish(self) -> None:
        """The body is over. Raises UploadError when it should not be yet."""


class RawVideo:
    """A body that is the video and nothing else."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def feed(self, chunk: bytes) -> None:
        """See `Body`."""
        self._write(chunk)

    def finish(self) -> None:
        """See `Body`."""


def body_of(content_type: str | None, write: Callable[[bytes], None]) -> Body:
    """Feeds the video's bytes to `write`. Raises UploadError for a content type that holds no video."""
    kind, options = parse_options_header(content_type)
    media_type = kind.decode("latin-1")
    if media_type == FORM:
        return FileForm(options.get(b"boundary", b""), write)
    if media_type == RAW or media_type.startswith(VIDEO):
        return RawVideo(write)
    raise UploadError(
        f"send the video as {FORM} in the field {FILE_FIELD!r}, or as the whole body with a Content-Type of "
        f"{VIDEO}... or {RAW}"
    )
