"""Errors to `application/problem+json` (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import (
    DeadlineError,
    InferenceError,
    NotReadyError,
    ParameterError,
    QueueFullError,
    ServiceError,
    StorageError,
    UnsupportedMediaError,
    UploadError,
    UploadStalledError,
    UploadTooLargeError,
    VideoError,
)
from .request_id import HEADER, request_id_of
from .schemas import Problem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:r3d:problem:"

# What `POST /classify` documents, besides 200.
CLASSIFY_ERRORS = (
    UploadError,
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


def problem(
    request: Request, status: int, slug: str, title: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """A problem response."""
    request_id = request_id_of(request)
    # The rest of a refused body is not read, so the connection cannot be used again.
    unread = request.method == "POST" and not getattr(request.state, "body_read", False)
    closing = {"Connection": "close"} if unread else {}
    body = Problem(type=f"{TYPE_PREFIX}{slug}", title=title, status=status, detail=detail, request_id=request_id)
    return JSONResponse(body.model_dump(), status, {HEADER: request_id, **closing, **(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(ServiceError)
    async def service_error(request: Request, error: ServiceError) -> Response:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.warning("request %s: %s: %s", request_id_of(request), error.slug, error.detail)
        return problem(request, int(error.status), error.slug, error.title, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(request: Request, error: RequestValidationError) -> Response:
        details = [f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors()]
        bad = ParameterError("; ".join(details))
        return problem(request, int(bad.status), bad.slug, bad.title, bad.detail)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        title = HTTPStatus(error.status_code).phrase
        slug = title.lower().replace(" ", "-")
        headers = dict(error.headers) if error.headers else None
        return problem(request, error.status_code, slug, title, str(error.detail), headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        logger.error("request %s: unexpected %r", request_id_of(request), error)
        failure = ServiceError("an unexpected error; see the server's log")
        return problem(request, int(failure.status), failure.slug, failure.title, failure.detail)
