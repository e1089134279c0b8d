"""Which request a line of the log is about, as long as that request's task, or one that it started, writes it."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


def trace_id_of(traceparent: str) -> str | None:
    """The trace that a request belongs to by its `traceparent` header (W3C Trace Context); None if it has none."""
    found = TRACEPARENT.fullmatch(traceparent)
    return found["trace"] if found else None


def begin(request_id: str, trace_id: str | None) -> None:
    """From now on this task is about a request."""
    _about.set({"request_id": request_id} | ({"trace_id": trace_id} if trace_id else {}))


def about() -> Mapping[str, str]:
    """`request_id`, and `trace_id` if the request has one; empty outside of a request."""
    return _about.get()
