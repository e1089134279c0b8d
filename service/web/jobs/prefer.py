"""The `Prefer` header (RFC 7240)."""

from collections.abc import Sequence

RESPOND_ASYNC = "respond-async"


def prefers_job(headers: Sequence[str]) -> bool:
    """Whether the client would rather not wait for the answer."""
    preferences = (each.partition(";")[0] for header in headers for each in header.split(","))
    return any(each.strip().lower() == RESPOND_ASYNC for each in preferences)
