"""uvicorn's connections, with an end to every wait for a client; what the server itself refuses is a problem too.

uvicorn closes a connection that is idle after an answer. It waits without end for the rest of a request's head, for the
rest of a body that nobody reads, and for a client that does not take its answer; and it accepts any number of
connections.
"""

import asyncio
import sys
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..api.problem import MEDIA_TYPE, problem, problem_of
from ..api.schemas import Problem
from ..errors import HeadersTooLargeError, TooManyConnectionsError
from .request_id import HEADER

# From a connection's opening, or from the first byte after an answer, to the end of the request's head.
HEAD_SECONDS = 10.0
# From an answer to the first byte of the next request.
IDLE_SECONDS = 30
# For a client to take some of an answer that is ready for it.
TAKE_SECONDS = 60.0


class Deadline:
    """Calls `action` unless it is stopped in time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
        self._loop = loop
        self._action = action
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """Begin to count, unless it does so already."""
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._action)

    def stop(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Connection(H11Protocol):
    """One client's connection.

    It is aborted when a deadline passes, which does not wait, as closing does, for the client to take what is left.
    """

    def __init__(self, max_connections: int, on_refused: Callable[[], None], **uvicorns: Any) -> None:
        """One more than `max_connections` of them is told so and closed at once, after a call of `on_refused`."""
        super().__init__(**uvicorns)
        self._max_connections = max_connections
        self._on_refused = on_refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._asking = Deadline(self.loop, transport.abort)
        self._taking = Deadline(self.loop, transport.abort)
        if len(self.connections) > self._max_connections:
            self._on_refused()
            detail = f"{self._max_connections} connections are open, as many as are accepted"
            self._refuse(problem_of(TooManyConnectionsError(detail), uuid.uuid4().hex), ("retry-after", "1"))
            transport.abort()
        else:
            self._asking.start(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._asking.stop()
        self._taking.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio. Once a request is being answered, its handler knows how long to wait for the rest of it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._asking.stop()
        else:
            self._asking.start(HEAD_SECONDS)

    def on_response_complete(self) -> None:
        """See uvicorn."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._taking.start(TAKE_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        """See uvicorn."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self._taking.start(TAKE_SECONDS)

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._taking.stop()

    def send_400_response(self, msg: str) -> None:
        """See uvicorn, which calls this while it handles h11's error: that knows a better status, and a reason."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # in the middle of an answer
            return
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 0
        self._refuse(_problem_of_parser(HTTPStatus(hint or HTTPStatus.BAD_REQUEST), str(error or msg)))
        self.transport.close()
        self._taking.start(TAKE_SECONDS)

    def _refuse(self, body: Problem, *more: tuple[str, str]) -> None:
        """Send a problem as the connection's last answer, whatever was asked."""
        content = body.model_dump_json().encode()
        headers = [
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(content))),
            ("connection", "close"),
            (HEADER, body.request_id),
            *more,
        ]
        reason = HTTPStatus(body.status).phrase.encode()
        response = h11.Response(status_code=body.status, headers=headers, reason=reason)
        for event in (response, h11.Data(data=content), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))


def _problem_of_parser(status: HTTPStatus, detail: str) -> Problem:
    """What h11 finds wrong with a request. It has no id of its own, as it was not read."""
    if status == HeadersTooLargeError.status:
        return problem_of(HeadersTooLargeError(detail), uuid.uuid4().hex)
    slug = status.phrase.lower().replace(" ", "-")
    return problem(slug, status.phrase, status, detail, uuid.uuid4().hex)
