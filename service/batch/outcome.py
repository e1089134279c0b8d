"""What becomes of a file: an answer, or a refusal that says whose fault it is."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeGuard, TypeVar

from tenacity import AsyncRetrying, RetryCallState

from r3d.client.retries import policy

from ..api.problem import TYPE_PREFIX
from ..api.schemas import ClassifyAnswer
from ..classification.query import Query
from ..errors import (
    ParameterError,
    ServiceError,
    StartupError,
    UnsupportedMediaError,
    UploadError,
    UploadTooLargeError,
    VideoError,
)

# Passing trouble is waited out for so long, in seconds: a service is restarted in that time.
PATIENCE = 900.0

# What every other file would meet too: a wrong key, a parameter the model cannot have, no space for uploads; and 503,
# unless it says when to come again.
FATAL = (401, 503, 507)
FATAL_TYPES = frozenset({TYPE_PREFIX + ParameterError.slug})
# The file's own fault, whoever looks at it.
_FAULTS: tuple[type[ServiceError], ...] = (
    UploadError,
    UploadTooLargeError,
    UnsupportedMediaError,
    VideoError,
    *VideoError.__subclasses__(),
)
FAULT_TYPES = frozenset(TYPE_PREFIX + each.slug for each in _FAULTS)
# What says no more than its title (RFC 9457): of a file that is not there.
UNREADABLE_TYPE = "about:blank"
# Of what stands before a service, and knows no types of ours.
PASSING = (408, 429, 500, 502, 503, 504)


class OnProgress(Protocol):
    """Called with what is being done to a file."""

    def __call__(self, about: str, part: float | None = None) -> None:
        """`about`: in words; `part` of it is done, 0 to 1, where that is known."""


def unheard(about: str, part: float | None = None) -> None:
    """An `OnProgress` for where nobody looks."""


@dataclass(frozen=True)
class Options:
    """What may be asked for, for every file alike. `top_k` None: the service's default."""

    top_k: int | None = None
    query: Query = field(default_factory=Query)


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818
    """A file that was not classified, and why, as RFC 9457 has it.

    `retry_after`: seconds after which it may be tried again, if it may be in this run; 0: nobody said when.
    """

    type: str
    title: str
    status: int
    detail: str
    retry_after: float | None = None

    @classmethod
    def unreadable(cls, error: OSError) -> "Refusal":
        """Of a file that is not there or may not be read."""
        return cls(UNREADABLE_TYPE, "File cannot be read", 0, error.strerror or str(error))

    @property
    def is_passing(self) -> bool:
        """Whether the file is not to blame, and is to be tried again: by the type of a problem of ours."""
        return self.type not in FAULT_TYPES if self.type.startswith(TYPE_PREFIX) else self.status in PASSING

    @property
    def is_unreadable(self) -> bool:
        """Whether the file was not there, or may not be read."""
        return self.status == 0 and self.type == UNREADABLE_TYPE

    @property
    def is_fatal(self) -> bool:
        """Whether no other file would fare better now."""
        return self.type in FATAL_TYPES or (self.status in FATAL and self.retry_after is None)


Answer = TypeVar("Answer")
AnswerGiven = TypeVar("AnswerGiven", covariant=True)


class FileWorker(Protocol[AnswerGiven]):
    """Works on files, several at once; `on_progress` is called with what is being done to one."""

    async def __call__(self, video: Path, on_progress: OnProgress) -> AnswerGiven:
        """Raises Refusal; StartupError when nothing can be done at all; OSError for a file that is not there."""


FileClassifier = FileWorker[ClassifyAnswer]
Outcome = ClassifyAnswer | Refusal


async def outcome_of(classify: FileWorker[Answer], video: Path, on_progress: OnProgress) -> Answer | Refusal:
    """What becomes of a file, passing trouble waited out for `PATIENCE`, as `r3d.client.retries` has it.

    Raises StartupError when the fault is not the file's and another would fare no better.
    """

    def waiting(state: RetryCallState) -> None:
        if state.outcome is not None and is_of_this_run(error := state.outcome.exception()):
            on_progress(f"waiting: {error.title.lower()}")

    clock = asyncio.get_running_loop().time
    retrying = AsyncRetrying(**policy(PATIENCE, is_of_this_run, clock), before_sleep=waiting)
    try:
        return await retrying(classify, video, on_progress)
    except OSError as error:
        return Refusal.unreadable(error)
    except Refusal as refusal:
        if refusal.is_fatal:
            raise StartupError(refusal.detail) from refusal
        return refusal


def is_of_this_run(error: BaseException | None) -> TypeGuard[Refusal]:
    """Whether a file may be tried again now."""
    return isinstance(error, Refusal) and error.retry_after is not None and not error.is_fatal
