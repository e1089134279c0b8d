"""Errors to `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..api.problem import MEDIA_TYPE, problem, problem_of
from ..api.schemas import Problem
from ..errors import (
    ParameterError,
    ServiceError,
)
from ..spelling import did_you_mean
from .lifecycle import lifecycle_of
from .parameters import ClassifyParameters
from .request_id import HEADER, request_id_of
from .request_log import record_of
from .uploads.discard import HURRIED_SECONDS, PATIENCE_SECONDS, LastAnswer, discard_body

logger = logging.getLogger(__name__)

# More of such a body would be as slow, or is surely long.
UNREADABLE = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def noted_problem(request: Request, error: ServiceError) -> Problem:
    """The problem that an error of ours is, noted in the request's record."""
    record_of(request).outcome = error.slug
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("%s: %s", error.slug, error.detail)
    return problem_of(error, request_id_of(request))


async def _respond(request: Request, body: Problem, headers: Mapping[str, str] | None) -> Response:
    hurried = lifecycle_of(request).aborted.is_set()
    if body.status not in UNREADABLE:
        await discard_body(request, HURRIED_SECONDS if hurried else PATIENCE_SECONDS)
    # What is left of the body now is not read, so the connection cannot be used again.
    unread = request.method == "POST" and not getattr(request.state, "body_read", False)
    closing = {"Connection": "close"} if unread else {}
    all_headers = {HEADER: body.request_id, **closing, **(headers or {})}
    lingers = unread and not hurried and body.status != HTTPStatus.REQUEST_TIMEOUT
    kind = LastAnswer if lingers else JSONResponse
    return kind(body.model_dump(), body.status, all_headers, MEDIA_TYPE)


async def service_problem(request: Request, error: ServiceError) -> Response:
    """The problem response of an error of ours."""
    return await _respond(request, noted_problem(request, error), error.headers)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(ServiceError)
    async def service_error(request: Request, error: ServiceError) -> Response:
        return await service_problem(request, error)

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(request: Request, error: RequestValidationError) -> Response:
        return await service_problem(request, ParameterError("; ".join(map(_told, error.errors()))))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        title = HTTPStatus(error.status_code).phrase
        slug = record_of(request).outcome = title.lower().replace(" ", "-")
        body = problem(slug, title, error.status_code, str(error.detail), request_id_of(request))
        return await _respond(request, body, error.headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        logger.error("unexpected %r", error)
        return await service_problem(request, ServiceError("an unexpected error; see the server's log"))


def _told(error: Mapping[str, Any]) -> str:
    """What pydantic finds wrong with a parameter, in the words of who asked."""
    name = ".".join(map(str, error["loc"][1:]))
    if error["type"] == "extra_forbidden":
        return f"{name}: no such parameter" + did_you_mean(name, ClassifyParameters.model_fields)
    return f"{name}: {error['msg']}" if name else str(error["msg"]).removeprefix("Value error, ")
