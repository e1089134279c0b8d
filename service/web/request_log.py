"""Opens a record for every request, and closes it when the request is over."""

import secrets
from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..telemetry import context
from ..telemetry.metrics import Metrics
from ..telemetry.request_record import RequestRecord

UNMATCHED = "(no such route)"
ABORTED = 500


class Tracing(Protocol):
    """Is called with every request that is over."""

    def export(self, headers: Mapping[str, str], route: str, status: int, record: RequestRecord) -> None:
        """Make a trace of it."""

    def close(self) -> None:
        """Send what waits."""


class RequestLogMiddleware:
    """Within `RequestIdMiddleware`. The log names routes, never paths or queries: those could hold anything."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Callable[[], Tracing | None]) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, request_id = Headers(scope=scope), scope["state"]["request_id"]
        context.begin(request_id, self._trace_id(headers))
        record = scope["state"]["record"] = RequestRecord(self._metrics)
        status = ABORTED

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            route = _route_of(scope)
            record.close(route, scope["method"], status, request_id)
            if (tracing := self._tracing()) is not None:
                tracing.export(headers, route, status, record)

    def _trace_id(self, headers: Headers) -> str | None:
        """The client's; with tracing a new one where it has none."""
        given = context.trace_id_of(headers.get("traceparent", ""))
        return secrets.token_hex(16) if given is None and self._tracing() is not None else given


def _route_of(scope: Scope) -> str:
    """Of a route its path, with names for what varies; of a folder of files the folder."""
    mounted = scope["root_path"].removeprefix(scope["app_root_path"]) if "app_root_path" in scope else ""
    return str(getattr(scope.get("route"), "path", mounted or UNMATCHED))


def record_of(connection: HTTPConnection) -> RequestRecord:
    """The request's record."""
    record: RequestRecord = connection.state.record
    return record
