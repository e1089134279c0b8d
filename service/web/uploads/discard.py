"""The rest of a refused body is read and dropped: a client that is still sending may otherwise never see the answer.

Closing a connection that has unread data resets it, and the reset can overtake the answer (RFC 9112, section 9.6).
"""

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

MAX_BYTES = 64 << 20
PATIENCE_SECONDS = 5.0
# Where the server itself is about to end.
HURRIED_SECONDS = 0.3


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
