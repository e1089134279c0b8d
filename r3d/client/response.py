"""What comes back, read for `Client` and `AsyncClient` alike."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
from pydantic import ValidationError

from .answers import ClipEvent, Event, Part, Problem, ResultEvent
from .errors import ProblemError, UnexpectedAnswerError, UnreachableError, error_of
from .request import Upload

# For a `Retry-After` that is a date, which a proxy may send.
USUAL_WAIT = 5.0

Answer = TypeVar("Answer", bound=Part)


@contextmanager
def reaching(url: httpx.URL, upload: Upload | None = None) -> Iterator[None]:
    """Tells what goes wrong on the way to `url` as UnreachableError."""
    try:
        yield
    except httpx.HTTPError as error:
        # A service closes the connection on a large body that it refuses, and its answer may be lost on the way.
        hint = "; is the video too large, or the API key wrong?" if upload and upload.under_way else ""
        raise UnreachableError(f"{url}: {str(error) or type(error).__name__}{hint}") from error


def answer_of(kind: type[Answer], response: httpx.Response) -> Answer:
    """The answer of a kind. Raises ProblemError, and UnexpectedAnswerError for what this service never answers."""
    if not response.is_success:
        raise problem_of(response)
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise _unexpected(response) from error


def problem_of(response: httpx.Response) -> ProblemError:
    """The error that a response tells of; its content has been read. Raises UnexpectedAnswerError."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError as error:
        raise _unexpected(response) from error
    return error_of(problem, wait_of(response.headers.get("Retry-After")))


def event_of(line: str, response: httpx.Response) -> Event | None:
    """A line of a live answer; None for an event that this version does not know.

    Raises ProblemError for an error, and UnexpectedAnswerError.
    """
    try:
        found = json.loads(line)
        match found["event"]:
            case "clip":
                return ClipEvent.model_validate(found)
            case "result":
                return ResultEvent.model_validate(found)
            case "error":
                problem = Problem.model_validate(found)
            case _:
                return None
    except (ValueError, KeyError, TypeError) as error:  # pydantic's ValidationError is a ValueError
        raise _unexpected(response) from error
    raise error_of(problem)


def check_ended(last: Event | None, response: httpx.Response) -> None:
    """A live answer is over: it must have had its result. Raises UnexpectedAnswerError."""
    if not isinstance(last, ResultEvent):
        raise UnexpectedAnswerError(f"{response.url}: the answer ended before its result")


def wait_of(retry_after: str | None) -> float | None:
    """Seconds to wait by a `Retry-After`; a date is not worked out."""
    if retry_after is None:
        return None
    return float(retry_after) if retry_after.isdecimal() else USUAL_WAIT


def _unexpected(response: httpx.Response) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(f"{response.url} does not answer as this service does ({response.status_code})")
