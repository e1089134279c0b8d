"""What becomes of a file: an answer, or a refusal that says whose fault it is."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from ..api.problem import TYPE_PREFIX
from ..api.schemas import ClassifyAnswer
from ..classification.query import Query
from ..errors import ParameterError, StartupError

# Passing trouble is waited out, this often.
ATTEMPTS = 20
LONGEST_WAIT = 60.0

# What the file has nothing to do with: 401, 503 and 507 would meet every other file too, unless 503 says when to come
# again; 408, 429, 500 and 504 may not.
FATAL = (401, 503, 507)
# What is asked of one file is asked of all.
BAD_PARAMETER = f"{TYPE_PREFIX}{ParameterError.slug}"
PASSING = (408, 429, 500, 502, 503, 504)

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What may be asked for, for every file alike. `top_k` None: the service's default."""

    top_k: int | None = None
    query: Query = field(default_factory=Query)


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818
    """A file that was not classified, and why, as RFC 9457 has it.

    `retry_after`: seconds after which it may be tried again, if whoever refused it says so.
    """

    type: str
    title: str
    status: int
    detail: str
    retry_after: float | None = None

    @classmethod
    def unreadable(cls, error: OSError) -> "Refusal":
        """Of a file that is not there or may not be read."""
        return cls("about:blank", "File cannot be read", 0, error.strerror or str(error))

    @property
    def is_passing(self) -> bool:
        """Whether the file is not to blame, and is to be tried again."""
        return self.status in PASSING

    @property
    def is_fatal(self) -> bool:
        """Whether no other file would fare better now."""
        return self.type == BAD_PARAMETER or (self.status in FATAL and self.retry_after is None)


Answer = TypeVar("Answer")
AnswerGiven = TypeVar("AnswerGiven", covariant=True)


class FileWorker(Protocol[AnswerGiven]):
    """Works on files, several at once; `on_progress` is called with what is being done to one."""

    async def __call__(self, video: Path, on_progress: OnProgress) -> AnswerGiven:
        """Raises Refusal; StartupError when nothing can be done at all; OSError for a file that is not there."""


FileClassifier = FileWorker[ClassifyAnswer]
Outcome = ClassifyAnswer | Refusal


async def outcome_of(classify: FileWorker[Answer], video: Path, on_progress: OnProgress) -> Answer | Refusal:
    """What becomes of a file, passing trouble waited out.

    Raises StartupError when the fault is not the file's and another would fare no better.
    """
    for attempt in range(ATTEMPTS):
        try:
            return await classify(video, on_progress)
        except OSError as error:
            return Refusal.unreadable(error)
        except Refusal as error:
            refusal = error
        if refusal.is_fatal:
            raise StartupError(refusal.detail) from refusal
        if refusal.retry_after is None or attempt == ATTEMPTS - 1:
            break
        on_progress("waiting: the service is busy")
        await asyncio.sleep(min(LONGEST_WAIT, refusal.retry_after))
    return refusal
