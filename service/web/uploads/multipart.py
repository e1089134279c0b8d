"""One file out of a multipart form, chunk by chunk, with python-multipart's parser."""

from collections.abc import Callable

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from ...api.schemas import FILE_FIELD
from ...errors import UploadError

FORM = "multipart/form-data"
MAX_PARTS = 8
MAX_FIELD_BYTES = 64 * 1024
MAX_BOUNDARY_BYTES = 70  # RFC 2046


class FileForm:
    """Feeds the content of the form's one file part to `write`; other fields are read past.

    Raises UploadError, here or later, for a body that is no such form, has several files, or breaks the limits.
    """

    def __init__(self, boundary: bytes, write: Callable[[bytes], None]) -> None:
        if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            raise UploadError(f"the multipart boundary must have 1 to {MAX_BOUNDARY_BYTES} characters")
        self._write = write
        self._parts = self._field_bytes = 0
        self._seen_file = self._in_file = self._complete = False
        self._name, self._value = b"", b""
        self._disposition = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise UploadError(f"malformed multipart form: {error}") from error

    def finish(self) -> None:
        """The body is over: there must have been a whole form with a file."""
        if not self._complete:
            raise UploadError("the multipart form is cut short")
        if not self._seen_file:
            raise UploadError(f"no file in the field {FILE_FIELD!r}")

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise UploadError(f"more than {MAX_PARTS} parts")
        self._in_file = False
        self._disposition = self._name = self._value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise UploadError("a part without a form-data name")
        if options[b"name"] != FILE_FIELD.encode():
            if b"filename" in options:
                raise UploadError(f"only the field {FILE_FIELD!r} may hold a file")
            return
        if self._seen_file:
            raise UploadError("several files; send one")
        self._seen_file = self._in_file = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._write(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > MAX_FIELD_BYTES:
            raise UploadError(f"more than {MAX_FIELD_BYTES} bytes in fields that are not read")

    def _end(self) -> None:
        self._complete = True
