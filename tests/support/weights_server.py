"""A web server for one file that fails as networks do."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from .http_server import serving


@dataclass
class Behaviour:
    """How it answers.

    `cut_after`: each answer ends, without notice, after that many bytes of its body; `ends_at`: at that byte of the
    file.
    """

    content: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    cut_after: int | None = None
    ends_at: int | None = None
    status: int | None = None
    length: int | None = None
    wrong_part: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def weights_server(behaviour: Behaviour) -> Iterator[str]:
    """Serve `behaviour.content` at every path; the address, without a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.asked.append(dict(self.headers.items()))
            if behaviour.status is not None:
                self.send_error(behaviour.status)
                return
            start = self._start()
            if start and start >= len(behaviour.content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._head(start)
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(behaviour.content[start : behaviour.ends_at][: behaviour.cut_after])
            self.close_connection = True

        def _start(self) -> int:
            wanted = self.headers.get("Range")
            same = self.headers.get("If-Range", behaviour.etag) == behaviour.etag
            return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behaviour.ranges and same else 0

        def _head(self, start: int) -> None:
            self.send_response(206 if start else 200)
            total = len(behaviour.content)
            self.send_header("Content-Length", str(behaviour.length or total - start))
            if start:
                first = start + 1 if behaviour.wrong_part else start
                self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
            if behaviour.etag:
                self.send_header("ETag", behaviour.etag)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with serving(Handler) as url:
        yield url
