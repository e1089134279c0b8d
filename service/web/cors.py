"""`R3D_CORS_ORIGINS`: pages of other origins may ask this service (CORS). Without it no browser lets them."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from .request_id import HEADER

# What a page may send beside what every page may, and read beside the content.
SENT = ("Authorization", "Content-Type", "Prefer", "Idempotency-Key", HEADER, "traceparent", "tracestate")
METHODS = ("DELETE", "GET", "HEAD", "POST")
READ = (HEADER, "Location", "Preference-Applied", "Retry-After", "Server-Timing")


class CorsMiddleware(CORSMiddleware):
    """Outside of what asks for the API key: a browser asks first, without it, whether it may send it."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(app, allow_origins=origins, allow_methods=METHODS, allow_headers=SENT, expose_headers=READ)
