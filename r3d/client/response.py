"""What comes back, read for `Client` and `AsyncClient` alike."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Generic, TypeVar

import httpx
from pydantic import ValidationError

from .answers import ClipEvent, Event, Part, Problem, ResultEvent
from .errors import PREFIX, ClientError, ProblemError, UnexpectedAnswerError, UnreachableError, error_of
from .request import Upload
from .retries import PASSING

# Of a proxy before the service, in words of its own: it takes no file of this size, or has nobody to pass it on to.
OF_A_PROXY = (*PASSING, HTTPStatus(413))
# The address is wrong: the service has no such path.
NO_SUCH_SERVICE = (404, 405)
NO_SUCH_JOB = f"{PREFIX}no-such-job"
# For a `Retry-After` that is a date, which a proxy may send.
USUAL_WAIT = 5.0

Answer = TypeVar("Answer", bound=Part)
E = TypeVar("E", bound=Part)


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
        if response.status_code not in OF_A_PROXY:
            raise _unexpected(response) from error
        said = HTTPStatus(response.status_code).phrase
        problem = Problem(type="about:blank", title=said, status=response.status_code, detail=said, request_id="")
    if problem.status in NO_SUCH_SERVICE and problem.type != NO_SUCH_JOB:
        raise _unexpected(response)
    return error_of(problem, wait_of(response.headers.get("Retry-After")))


class EventReader(Generic[E]):
    """Makes events of a live answer's bytes, which come in blocks. `response` is where they come from."""

    def __init__(
        self,
        response: httpx.Response,
        event_of: "Callable[[bytes, httpx.Response], E | None]",
        cut: type[ClientError] = UnexpectedAnswerError,
    ) -> None:
        """`event_of` reads a line, such as the function of that name. `cut`: what an answer without any event is."""
        self._response, self._event_of, self._cut = response, event_of, cut
        self._rest = b""
        self._last: E | None = None

    def read(self, block: bytes) -> Iterator[E]:
        """The events that are whole with `block`. Raises ProblemError for an error, and UnexpectedAnswerError."""
        # httpx's own way takes other characters, which a label may have, for ends of lines too.
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in filter(None, lines):
            if event := self._event_of(line, self._response):
                self._last = event
                yield event

    def end(self) -> Iterator[E]:
        """The answer is over: as `read`, and it must have had its result. Raises UnreachableError where it was cut."""
        yield from self.read(b"\n")
        if not isinstance(self._last, ResultEvent):
            kind = self._cut if self._last is None else UnreachableError
            raise kind(f"{self._response.url}: the answer ended before its result")


def event_of(line: bytes, response: httpx.Response) -> Event | None:
    """A line's event; None for one that this version does not know. Raises ProblemError, UnexpectedAnswerError."""
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


def wait_of(retry_after: str | None) -> float | None:
    """Seconds to wait by a `Retry-After`; a date is not worked out."""
    if retry_after is None:
        return None
    return float(retry_after) if retry_after.isdecimal() else USUAL_WAIT


def _unexpected(response: httpx.Response) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(f"{response.url} does not answer as this service does ({response.status_code})")
