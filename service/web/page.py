"""The web page: files of `static/`, and headers that allow a page nothing but what the service itself has."""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).with_name("static")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Swagger UI has icons within its style sheet.
        "img-src 'self' data:",
        "connect-src 'self'",
        "media-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Files change with the version: ask each time; the answer is mostly that none did.
    "Cache-Control": "no-cache",
}


async def page(_: Request) -> Response:
    """`GET /`."""
    return FileResponse(STATIC / "index.html", headers=HEADERS)


class Files(StaticFiles):
    """The files of a folder, with the page's headers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)

    def file_response(self, *arguments: object, **named: object) -> Response:
        """See StaticFiles."""
        response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        MutableHeaders(raw=response.raw_headers).update(HEADERS)
        return response
