"""Results of many files as JSON lines, so that a run that was killed goes on where it stopped."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel

from ..api.schemas import ClassifyAnswer
from ..errors import StartupError
from .names import Names
from .outcome import Outcome, Refusal
from .syncing import Syncing


class ProblemLine(BaseModel):
    """Why a file was not classified (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, refusal: Refusal) -> "ProblemLine":
        """What a refusal says."""
        return cls(type=refusal.type, title=refusal.title, status=refusal.status, detail=refusal.detail)


class Record(BaseModel):
    """What became of a file. With `retry`, the file is not to blame, and the next run tries it again."""

    file: str
    problem: ProblemLine | None = None
    retry: bool | None = None

    def text(self) -> str:
        """The line as JSON, in ASCII: a file's name need not be UTF-8."""
        shown = {name: value for name, value in self.model_dump(mode="json").items() if value is not None}
        return json.dumps(shown)


class Line(Record):
    """A file that was classified, or not."""

    result: ClassifyAnswer | None = None

    @classmethod
    def of(cls, video: Path, outcome: Outcome) -> "Line":
        """The line for a file."""
        if isinstance(outcome, ClassifyAnswer):
            return cls(file=str(video), result=outcome)
        again = outcome.is_passing or outcome.is_unreadable
        return cls(file=str(video), problem=ProblemLine.of(outcome), retry=again or None)

    @property
    def outcome(self) -> Outcome:
        """What became of the file. Raises ValueError for a line that does not say."""
        if self.result is not None:
            return self.result
        if self.problem is not None:
            return Refusal(**self.problem.model_dump())
        raise ValueError("neither a result nor a problem")


class ResultsFile:
    """An open results file; `names` are the files that are not to be tried again, `failed` of them failed.

    A file's last line counts.
    """

    def __init__(self, stream: BinaryIO, names: Names, syncing: Syncing) -> None:
        self.names = names
        self._stream = stream
        self._syncing = syncing
        self.failed = _read(stream, names)

    def add(self, video: Path, outcome: Outcome) -> None:
        """Write what became of a file, as `write` does."""
        self.write(Line.of(video, outcome))

    def write(self, line: Record) -> None:
        """Write a line. Once this returns, a run that is killed does not repeat its file.

        A machine that loses power loses what was written in the last second. Raises OSError, also for what was written
        before and could not be kept.
        """
        self._stream.write(line.text().encode() + b"\n")
        self._stream.flush()
        self._syncing.written()


@contextmanager
def open_results(path: Path) -> Iterator[ResultsFile]:
    """Open or go on with a results file. Raises StartupError when another run has it, or it is something else."""
    with path.open("a+b") as stream, Names() as names:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartupError(f"{path}: another run writes to it") from error
        with Syncing(stream.fileno()) as syncing:
            try:
                results = ResultsFile(stream, names, syncing)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StartupError(f"{path}: not a file of results") from error
            yield results


def _read(stream: BinaryIO, names: Names) -> int:
    """Note the files that are done; how many of them failed. A line cut short by a kill is removed."""
    stream.seek(0)
    end = failed = 0
    for line in stream:
        if not line.endswith(b"\n"):
            break
        record = json.loads(line)
        if not record.get("retry"):
            names.add(str(record["file"]))
            failed += "problem" in record
        end += len(line)
    stream.truncate(end)
    return failed
