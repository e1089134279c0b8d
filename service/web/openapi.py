"""What the OpenAPI document says beyond what FastAPI finds in the routes: bodies, errors, live answers, examples."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from ..api.examples import ANSWER, JOB
from ..api.formats import TEXTS
from ..api.jobs import JobAnswer, JobCall, JobEvent
from ..api.problem import MEDIA_TYPE, problem_of
from ..api.schemas import FILE_FIELD, ClipEvent, ErrorEvent, Problem, ResultEvent
from ..errors import (
    DeadlineError,
    DecoderUnavailableError,
    HeadersTooLargeError,
    IdempotencyConflictError,
    JobsFullError,
    JobsUnavailableError,
    NotAcceptableError,
    NotReadyError,
    ParameterError,
    QueueFullError,
    ServiceError,
    StorageError,
    TooManyConnectionsError,
    UnauthorizedError,
    UnsupportedMediaError,
    UploadError,
    UploadStalledError,
    UploadTooLargeError,
    VideoError,
)
from .ndjson import MEDIA_TYPE as NDJSON
from .uploads.body import RAW, VIDEO
from .uploads.multipart import FORM

Responses = dict[int | str, dict[str, Any]]

DESCRIPTION = """\
Errors are problems (RFC 9457): `application/problem+json` with a `type` that begins `urn:r3d:problem:`. With an API
key set, everything but the health asks for it as a bearer token. Every answer has an `X-Request-ID`: the request's own
or a new one.
"""
TAGS = [
    {"name": "classification", "description": "Videos in, labels out."},
    {"name": "jobs", "description": "Long videos, without a connection to hold."},
    {"name": "health", "description": "For supervisors and monitoring."},
    {"name": "open inference protocol", "description": "The part of it that tells of the server and its model."},
]
LICENCE = {"name": "MIT", "identifier": "MIT"}
SCHEMAS = "#/components/schemas/{model}"
EVENTS: dict[str, type[BaseModel]] = {"clip": ClipEvent, "result": ResultEvent, "error": ErrorEvent}
# No route answers with these alone, so FastAPI does not find them.
OWN_SCHEMAS: tuple[type[BaseModel], ...] = (Problem, JobAnswer, JobCall, JobEvent, *EVENTS.values())

# Of `POST /v1/classify`. Errors that derive from these are meant too.
CLASSIFY_ERRORS = (
    UploadError,
    UnauthorizedError,
    NotAcceptableError,
    UploadStalledError,
    UploadTooLargeError,
    UnsupportedMediaError,
    VideoError,
    ParameterError,
    QueueFullError,
    HeadersTooLargeError,
    ServiceError,
    NotReadyError,
    DecoderUnavailableError,
    TooManyConnectionsError,
    DeadlineError,
    StorageError,
    # Of those that become jobs.
    IdempotencyConflictError,
    JobsFullError,
    JobsUnavailableError,
)

BINARY = {"type": "string", "format": "binary", "description": "the video"}
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {"schema": {"type": "object", "required": [FILE_FIELD], "properties": {FILE_FIELD: BINARY}}},
            RAW: {"schema": BINARY},
            f"{VIDEO}*": {"schema": BINARY},
        },
    }
}

JOB_HEADERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Prefer",
            "in": "header",
            "schema": {"type": "string"},
            "description": "`respond-async`: the answer is a job (RFC 7240); not heard where no jobs are kept",
        },
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-~]+$"},
            "description": "of a job: the same key, for a day, gives the same job",
        },
    ]
}


def ref(model: type[BaseModel]) -> str:
    """A reference to a model's schema in the document."""
    return SCHEMAS.format(model=model.__name__)


def answers() -> Responses:
    """The forms of a classification."""
    by_event = {name: ref(model) for name, model in EVENTS.items()}
    timing = {"description": "milliseconds by stage; not in a live answer", "schema": {"type": "string"}}
    texts = {media_type: {"schema": {"type": "string"}} for media_type, _ in TEXTS.values()}
    content = {"application/json": {"example": ANSWER}, NDJSON: {"schema": _lines(by_event)}, **texts}
    return {200: {"description": "The verdict", "headers": {"Server-Timing": timing}, "content": content}}


def accepted() -> Responses:
    """A classification that became a job."""
    headers = {
        "Location": {"description": "the job", "schema": {"type": "string"}},
        "Preference-Applied": {"description": "that the preference was heard", "schema": {"type": "string"}},
    }
    content = {"application/json": {"schema": {"$ref": ref(JobAnswer)}, "example": JOB}}
    return {202: {"description": "The job, on disk now", "headers": headers, "content": content}}


def job_answers() -> Responses:
    """The forms of a job."""
    by_event = {"job": ref(JobEvent)} | {name: ref(model) for name, model in EVENTS.items()}
    texts = {media_type: {"schema": {"type": "string"}} for media_type, _ in TEXTS.values()}
    done = {"example": JOB | {"status": "succeeded", "result": ANSWER}}
    content = {"application/json": done, NDJSON: {"schema": _lines(by_event)}, **texts}
    return {200: {"description": "The job", "content": content}}


def _lines(by_event: dict[str, str]) -> dict[str, Any]:
    return {
        "oneOf": [{"$ref": each} for each in by_event.values()],
        "discriminator": {"propertyName": "event", "mapping": by_event},
        "description": "a line; the last is a result or an error",
    }


def text(description: str) -> Responses:
    """An answer in plain text."""
    return {200: {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}}


def documented(*errors: type[ServiceError]) -> Responses:
    """These errors as answers, with an example for each kind of them."""
    responses: Responses = {}
    for error in errors:
        status = int(error.status)
        there = responses.setdefault(status, _problem_response(error))
        there["content"][MEDIA_TYPE]["examples"] |= {each.slug: _example(each) for each in _kinds(error)}
    return responses


def _problem_response(error: type[ServiceError]) -> dict[str, Any]:
    return {"description": error.title, "content": {MEDIA_TYPE: {"schema": {"$ref": ref(Problem)}, "examples": {}}}}


def _kinds(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """The error and what derives from it with the same status."""
    yield error
    for derived in error.__subclasses__():
        if derived.status == error.status:
            yield from _kinds(derived)


def _example(error: type[ServiceError]) -> dict[str, Any]:
    detail = (error.__doc__ or "").partition("\n")[0]
    return {"summary": error.title, "value": problem_of(error(detail), "3f1c9e5d7a0b4c86").model_dump()}


def operation_id(route: APIRoute) -> str:
    """A short one: the name of the route's function."""
    return route.name


class DocumentedApp(FastAPI):
    """FastAPI with the schemas that no route answers with alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            title="r3d",
            summary="Names the action in a video, clip by clip",
            description=DESCRIPTION,
            version=__version__,
            openapi_tags=TAGS,
            license_info=LICENCE,
            generate_unique_id_function=operation_id,
            **options,
        )

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, own = models_json_schema([(model, "serialization") for model in OWN_SCHEMAS], ref_template=SCHEMAS)
            schemas = document["components"]["schemas"]
            document["components"]["schemas"] = dict(sorted((own["$defs"] | schemas).items()))
            _remove_fastapis_own_error(document)
        return super().openapi()


def _remove_fastapis_own_error(document: dict[str, Any]) -> None:
    """FastAPI documents its form of a bad parameter wherever there are any; this service never answers so."""
    for item in document["paths"].values():
        for operation in item.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
