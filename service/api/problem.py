"""Errors as RFC 9457 problems, made in one place."""

from ..errors import ServiceError
from .schemas import Problem

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:r3d:problem:"


def problem(slug: str, title: str, status: int, detail: str, request_id: str) -> Problem:
    """A problem of a kind; `slug` names the kind."""
    return Problem(type=f"{TYPE_PREFIX}{slug}", title=title, status=status, detail=detail, request_id=request_id)


def problem_of(error: ServiceError, request_id: str) -> Problem:
    """The problem that an error of ours is."""
    return problem(error.slug, error.title, int(error.status), error.detail, request_id)
