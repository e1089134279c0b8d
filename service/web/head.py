"""HEAD wherever GET works: it is answered as GET is, without the content (RFC 9110, section 9.3.2)."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHOD_NOT_ALLOWED = 405


class HeadMiddleware:
    """The app behind it sees GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == METHOD_NOT_ALLOWED:
                _allow_head(MutableHeaders(scope=message))
            if is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if not is_head:
            await self._app(scope, receive, send_head)
            return
        # A copy: the server goes by the method in its own. The log goes by the route that is found.
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send_head)
        finally:
            scope.update(inner, method="HEAD")


def _allow_head(headers: MutableHeaders) -> None:
    allowed = headers.get("Allow", "").split(", ")
    if "GET" in allowed and "HEAD" not in allowed:
        headers["Allow"] = ", ".join([*allowed, "HEAD"])
