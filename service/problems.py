"""Errors to `application/problem+json` (RFC 9457)."""

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
from .schemas import Problem

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


def problem(status: int, slug: str, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem response."""
    content = Problem(type=f"{TYPE_PREFIX}{slug}", title=title, status=status, detail=detail).model_dump()
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""

    @app.exception_handler(ServiceError)
    async def service_error(_: Request, error: ServiceError) -> Response:
        return problem(int(error.status), error.slug, error.title, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_: Request, error: RequestValidationError) -> Response:
        details = [f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors()]
        bad = ParameterError("; ".join(details))
        return problem(int(bad.status), bad.slug, bad.title, bad.detail)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        title = HTTPStatus(error.status_code).phrase
        slug = title.lower().replace(" ", "-")
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, slug, title, str(error.detail), headers)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        failure = ServiceError("an unexpected error; see the server's log")
        return problem(int(failure.status), failure.slug, failure.title, failure.detail)
