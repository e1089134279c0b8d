"""What routes say of their bodies and answers in the OpenAPI document: errors, live answers, examples."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from ..api.examples import ANSWER, JOB
from ..api.formats import TEXTS
from ..api.jobs import JobAnswer, JobEvent
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

SCHEMAS = "#/components/schemas/{model}"
EVENTS: dict[str, type[BaseModel]] = {"clip": ClipEvent, "result": ResultEvent, "error": ErrorEvent}

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
