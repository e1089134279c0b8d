"""`R3D_API_KEY`: whoever asks for anything but the health and the page's own files must know the key."""

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import UnauthorizedError
from .owner import NAMELESS, own
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
    """Lets through requests that carry the key, as a bearer token or as a Basic password."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._is_key(headers.get("Authorization", "")):
            own(scope, NAMELESS)
            await self._app(scope, receive, send)
            return
        error = UnauthorizedError("send the API key as `Authorization: Bearer KEY`")
        response = await service_problem(Request(scope, receive), error)
        for challenge in (BEARER,) if FROM_SCRIPT in headers else (BASIC, BEARER):
            response.headers.append(CHALLENGE, challenge)
        await response(scope, receive, send)

    def _is_key(self, header: str) -> bool:
        scheme, _, value = header.partition(" ")
        given = value.strip().encode()
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given, self._key)


def _is_open(scope: Scope) -> bool:
    """By the path that routing goes by: a URL made with the client's `Host` can have another (CVE-2026-48710)."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in OPEN or path.startswith(OPEN_FOLDER)
