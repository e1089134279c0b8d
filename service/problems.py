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

from .account import account_of
from .errors import (
    DeadlineError,
    InferenceError,
    NotReadyError,
    ParameterError,
    QueueFullError,
    ServiceError,
    StorageError,
    UnauthorizedError,
    UnsupportedMediaError,
    UploadError,
    UploadStalledError,
    UploadTooLargeError,
    VideoError,
)
from .refused_body import read_past
from .request_id import HEADER, request_id_of
from .schemas import Problem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:r3d:problem:"
# More of such a body would be as slow, or as long.
UNREADABLE = (HTTPStatus.REQUEST_TIMEOUT, 413)

# What `POST /classify` documents, besides 200.
CLASSIFY_ERRORS = (
    UploadError,
    UnauthorizedError,
    UploadStalledError,
    UploadTooLargeError,
    UnsupportedMediaError,
    VideoError,
    QueueFullError,
    InferenceError,
    NotReadyError,
    DeadlineError,
    StorageError,
)


def documented(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for these errors."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {int(error.status): {"description": error.title, "content": content} for error in errors}


def _problem(request: Request, status: int, slug: str, title: str, detail: str) -> Problem:
    account_of(request).outcome = slug
    return Problem(
        type=f"{TYPE_PREFIX}{slug}", title=title, status=status, detail=detail, request_id=request_id_of(request)
    )


def problem_of(request: Request, error: ServiceError) -> Problem:
    """The problem that an error of ours is, noted in the request's account."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("request %s: %s: %s", request_id_of(request), error.slug, error.detail)
    return _problem(request, int(error.status), error.slug, error.title, error.detail)


async def _respond(request: Request, body: Problem, headers: Mapping[str, str] | None) -> Response:
    if body.status not in UNREADABLE:
        await read_past(request)
    # What is left of the body now is not read, so the connection cannot be used again.
    unread = request.method == "POST" and not getattr(request.state, "body_read", False)
    closing = {"Connection": "close"} if unread else {}
    all_headers = {HEADER: body.request_id, **closing, **(headers or {})}
    return JSONResponse(body.model_dump(), body.status, all_headers, MEDIA_TYPE)


async def service_problem(request: Request, error: ServiceError) -> Response:
    """The problem response of an error of ours."""
    return await _respond(request, problem_of(request, error), error.headers)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(ServiceError)
    async def service_error(request: Request, error: ServiceError) -> Response:
        return await service_problem(request, error)

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(request: Request, error: RequestValidationError) -> Response:
        details = [f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors()]
        return await service_problem(request, ParameterError("; ".join(details)))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        title = HTTPStatus(error.status_code).phrase
        slug = title.lower().replace(" ", "-")
        return await _respond(
            request, _problem(request, error.status_code, slug, title, str(error.detail)), error.headers
        )

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        logger.error("request %s: unexpected %r", request_id_of(request), error)
        return await service_problem(request, ServiceError("an unexpected error; see the server's log"))
