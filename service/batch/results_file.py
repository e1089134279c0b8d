"""Results of many files as JSON lines, so that a run that was killed goes on where it stopped."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel

from ..api.schemas import ClassifyAnswer
from ..errors import StartupError
from .outcome import Outcome, Refusal


class ProblemLine(BaseModel):
    """Why a file was not classified (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, refusal: Refusal) -> "ProblemLine":
        """What a file was refused for."""
        return cls(type=refusal.type, title=refusal.title, status=refusal.status, detail=refusal.detail)


class Record(BaseModel):
    """What became of a file. With `retry`, the file is not to blame, and the next run tries it again."""

    file: str
    problem: ProblemLine | None = None
    retry: bool | None = None

    def text(self) -> str:
        """The line as JSON."""
        return self.model_dump_json(exclude={name for name in type(self).model_fields if getattr(self, name) is None})


class Line(Record):
    """A file that was classified, or not."""

    result: ClassifyAnswer | None = None

    @classmethod
    def of(cls, video: Path, outcome: Outcome) -> "Line":
        """The line for a file."""
        if isinstance(outcome, ClassifyAnswer):
            return cls(file=str(video), result=outcome)
        return cls(file=str(video), problem=ProblemLine.of(outcome), retry=outcome.is_passing or None)

    @property
    def outcome(self) -> Outcome:
        """What became of the file. Raises ValueError for a line that does not say."""
        if self.result is not None:
            return self.result
        if self.problem is not None:
            return Refusal(**self.problem.model_dump())
        raise ValueError("neither a result nor a problem")


class ResultsFile:
    """An open results file; `done` are the files that are not to be tried again. A file's last line counts."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.done = _read(stream)

    def add(self, video: Path, outcome: Outcome) -> None:
        """Write what became of a file, as `write` does."""
        self.write(Line.of(video, outcome))

    def write(self, line: Record) -> None:
        """Write a line. Once this returns, a run that is killed does not repeat its file."""
        self._stream.write(line.text().encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        if not line.retry:
            self.done.add(line.file)


@contextmanager
def open_results(path: Path) -> Iterator[ResultsFile]:
    """Open or go on with a results file. Raises StartupError when another run has it, or it is something else."""
    with path.open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartupError(f"{path}: another run writes to it") from error
        try:
            results = ResultsFile(stream)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StartupError(f"{path}: not a file of results") from error
        yield results


def _read(stream: BinaryIO) -> set[str]:
    """The files that are done; a line cut short by a kill is removed."""
    stream.seek(0)
    done: set[str] = set()
    end = 0
    for line in stream:
        if not line.endswith(b"\n"):
            break
        record = json.loads(line)
        if not record.get("retry"):
            done.add(str(record["file"]))
        end += len(line)
    stream.truncate(end)
    return done


def files_in(manifest: Path) -> list[Path]:
    """The files that a manifest names, one a line, each once; `-` is standard input."""
    text = open(0).read() if str(manifest) == "-" else manifest.read_text()  # noqa: SIM115
    return [Path(name) for name in dict.fromkeys(line.strip() for line in text.splitlines()) if name]
