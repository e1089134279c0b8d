"""For Ray Serve's proxies: `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=service.ray_cluster.proxy:middlewares`.

When a replica dies, Ray's proxy gives its requests no answer, which becomes a bare 500. This makes it a 503 with
`Retry-After`, as other passing trouble is: another replica has room, so clients may just ask again.
"""

import logging

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..api.problem import MEDIA_TYPE, problem_of
from ..errors import NotReadyError
from ..web.request_id import HEADER

logger = logging.getLogger(__name__)

RETRY_SECONDS = "1"


class LostReplica:
    """Answers for a replica that cannot."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        answered = False

        async def send_noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self._app(scope, receive, send_noting)
        # Ray's proxy returns without an answer when the replica died.
        if scope["type"] == "http" and not answered:
            logger.warning("a request lost its replica")
            await _problem(Headers(scope=scope).get(HEADER, ""))(scope, receive, send)


def _problem(request_id: str) -> JSONResponse:
    error = NotReadyError("the replica that had this request is gone; send it again")
    body = problem_of(error, request_id).model_dump()
    return JSONResponse(body, error.status, {"Retry-After": RETRY_SECONDS}, MEDIA_TYPE)


def middlewares() -> list[Middleware]:
    """What Ray Serve asks for."""
    return [Middleware(LostReplica)]
