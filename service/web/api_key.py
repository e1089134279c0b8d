"""Whoever asks for anything but the health and the page's own files must know a key."""

import base64
import binascii

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import UnauthorizedError
from .keys import Keys
from .owner import own
from .problems import service_problem

# The page's files are the same everywhere and tell nothing of this service: the page asks for the key itself.
OPEN = ("/", "/health", "/health/live", "/v2/health/live", "/v2/health/ready")
OPEN_FOLDER = "/static/"
CHALLENGE = "WWW-Authenticate"
BEARER = 'Bearer realm="r3d"'
# For browsers, which ask for a password (the key; any user name) and then send it with all that they ask for.
# Chromium reads one challenge of a header only, and takes the first header that it knows.
BASIC = 'Basic realm="r3d", charset="UTF-8"'
# What scripts in pages send. A browser would ask with a window of its own before the script hears of the answer.
FROM_SCRIPT = "X-Requested-With"


class ApiKeyMiddleware:
    """Lets through requests that carry a key, as a bearer token or as a Basic password, and says whose it is."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        key = _key_in(headers.get("Authorization", ""))
        if key is not None and (name := self._keys.name_of(key)) is not None:
            own(scope, name)
            await self._app(scope, receive, send)
            return
        error = UnauthorizedError("send the API key as `Authorization: Bearer KEY`")
        response = await service_problem(Request(scope, receive), error)
        for challenge in (BEARER,) if FROM_SCRIPT in headers else (BASIC, BEARER):
            response.headers.append(CHALLENGE, challenge)
        await response(scope, receive, send)


def _key_in(header: str) -> bytes | None:
    scheme, _, value = header.partition(" ")
    given = value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return None
    return given if scheme.lower() == "bearer" else None


def _is_open(scope: Scope) -> bool:
    """By the path that routing goes by: a URL made with the client's `Host` can have another (CVE-2026-48710)."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in OPEN or path.startswith(OPEN_FOLDER)
