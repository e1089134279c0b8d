"""Answers as they come: a line of JSON for each clip, then one for the result."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import MappingProxyType

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..api.schemas import ErrorEvent
from ..classification.pipeline import OnClip
from ..classification.results import ClipResult
from ..errors import ServiceError
from ..telemetry.request_record import CLIENT_LEFT
from .problems import noted_problem
from .request_log import record_of

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/x-ndjson"
# A client that receives nothing of what is sent to it has left, whatever its connection says.
SEND_SECONDS = 60.0
# Proxies (nginx reads the second) are to pass lines on as they come.
AS_THEY_COME = MappingProxyType({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


class LiveAnswer(Response):
    """Runs `work` while it is sent. Errors before the first clip are raised, and so get a status of their own."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        request: Request,
        work: Callable[[OnClip], Awaitable[BaseModel]],
        describe: Callable[[ClipResult], BaseModel],
    ) -> None:
        """`work` calls what it is given for each clip, and returns the last line; `describe` makes a clip's line."""
        super().__init__(headers=AS_THEY_COME)
        del self.headers["content-length"]
        self._request = request
        self._work = work
        self._describe = describe
        self._results: asyncio.Queue[ClipResult | None] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        working = asyncio.ensure_future(self._work(self._results.put_nowait))
        working.add_done_callback(lambda _: self._results.put_nowait(None))
        try:
            result = await self._results.get()
            if result is None and working.exception() is not None:
                working.result()
            await send_patiently(
                send, {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            while result is not None:
                await self._line(send, self._describe(result))
                result = await self._results.get()
            await self._line(send, await self._last(working))
            await send_patiently(send, {"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnect:
            record_of(self._request).outcome = CLIENT_LEFT
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working

    async def _last(self, working: "asyncio.Future[BaseModel]") -> BaseModel:
        try:
            return await working
        except ServiceError as error:
            failure = error
        except ClientDisconnect:
            raise
        except Exception as error:
            logger.error("unexpected %r", error)
            failure = ServiceError("an unexpected error; see the server's log")
        return ErrorEvent(**noted_problem(self._request, failure).model_dump())

    @staticmethod
    async def _line(send: Send, line: BaseModel) -> None:
        body = line.model_dump_json().encode() + b"\n"
        await send_patiently(send, {"type": "http.response.body", "body": body, "more_body": True})


async def send_patiently(send: Send, message: dict[str, object]) -> None:
    """Send, but not for long. Raises ClientDisconnect when nobody takes it."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send(message)
    except TimeoutError:
        raise ClientDisconnect from None
