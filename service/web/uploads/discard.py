"""The rest of a refused body is read and dropped: a client that is still sending may otherwise never see the answer.

If it is short, before the answer, so that the connection can be used again; else behind it.

Closing a connection that has unread data resets it, and the reset can overtake the answer (RFC 9112, section 9.6).
"""

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

MAX_BYTES = 64 << 20
PATIENCE_SECONDS = 5.0
# Where the server itself is about to end.
HURRIED_SECONDS = 0.3
# For a client that has its answer to take note of it: some send all of the body before they look.
LINGER_SECONDS, LINGER_BYTES = 15.0, 1 << 30


async def discard_body(request: Request, seconds: float = PATIENCE_SECONDS) -> None:
    """Read and drop what is left of a body that says how long it is, if that is not too long, for so many seconds.

    `request.state.body_read` tells of success.
    """
    if not _should_discard(request):
        return
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(seconds):
            # Starlette's way to say that the last piece was read already.
            with suppress(RuntimeError):
                async for _ in request.stream():
                    pass
            request.state.body_read = True


def _should_discard(request: Request) -> bool:
    if request.method != "POST" or getattr(request.state, "body_read", False):
        return False
    length = request.headers.get("Content-Length", "")
    return length.isascii() and length.isdigit() and int(length) <= MAX_BYTES


class LastAnswer(JSONResponse):
    """An answer whose connection is closed when the client leaves it, but not before it has had the time to."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. The answer is whole once it has the bytes that its length says."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                left = LINGER_BYTES
                while left > 0 and (message := await receive())["type"] != "http.disconnect":
                    left -= len(message.get("body", b""))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
