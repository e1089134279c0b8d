"""What can go wrong, by what a caller does about it."""

from typing import TypeGuard

from .answers import Problem
from .retries import PASSING

PREFIX = "urn:r3d:problem:"
UNAUTHORIZED = 401
SERVER_ERROR = 500


class ClientError(Exception):
    """Base of all of these. `status`: HTTP's, 0 where there is none."""

    status: int = 0
    retry_after: float | None = None

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered a little later."""
        return self.status in PASSING


class UnreachableError(ClientError):
    """There is no connection to the service, or it broke."""

    passing = True


class UnexpectedAnswerError(ClientError):
    """Something answers, but not as this service does."""


class ProblemError(ClientError):
    """The service says what is wrong.

    `kind` is its name, such as "video-too-short"; `status` HTTP's; `detail` for people; `request_id` finds it in the
    service's log; `retry_after` the seconds after which it may be tried again, None where that is of no use.
    """

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.detail)
        self.type, self.title, self.status = problem.type, problem.title, problem.status
        self.detail, self.request_id = problem.detail, problem.request_id
        self.retry_after = retry_after

    @property
    def kind(self) -> str:
        """The end of `type`."""
        return self.type.removeprefix(PREFIX)


class UnauthorizedError(ProblemError):
    """The API key is missing or wrong."""


class RefusedError(ProblemError):
    """The request or its video is at fault: it would be refused again."""


class BusyError(ProblemError):
    """The service is busy, or not ready yet: try again after `retry_after` seconds."""


class FailedError(ProblemError):
    """The service is at fault."""


def is_passing(error: BaseException) -> TypeGuard[ClientError]:
    """Whether it is worth to ask again."""
    return isinstance(error, ClientError) and error.passing


def error_of(problem: Problem, retry_after: float | None = None) -> ProblemError:
    """The error that a problem is."""
    if retry_after is not None:
        return BusyError(problem, retry_after)
    if problem.status == UNAUTHORIZED:
        return UnauthorizedError(problem)
    return (FailedError if problem.status >= SERVER_ERROR else RefusedError)(problem)
