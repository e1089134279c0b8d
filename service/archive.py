"""Results of many files as JSON lines, so that a run that was killed goes on where it stopped."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .classifiers import Refusal
from .errors import StartupError
from .schemas import ClassifyAnswer


class Archive:
    """An open results file: a line a video, `{"file": ..., "result": ...}` or `{"file": ..., "problem": ...}`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.done = _read(stream)

    def add(self, video: Path, outcome: ClassifyAnswer | Refusal) -> None:
        """Write what became of a file. Once this returns, a run that is killed does not repeat it."""
        self.add_record(str(video), record_of(video, outcome))

    def add_record(self, file: str, record: str) -> None:
        """The same, of a record that is made already."""
        self._stream.write(record.encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.done.add(file)


def record_of(video: Path, outcome: ClassifyAnswer | Refusal) -> str:
    """The line for a file."""
    line: dict[str, object] = {"file": str(video)}
    if isinstance(outcome, Refusal):
        line["problem"] = {"type": outcome.type, "title": outcome.title, "detail": outcome.detail}
    else:
        line["result"] = outcome.model_dump()
    return json.dumps(line)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open or go on with a results file. Raises StartupError when another run has it, or it is something else."""
    with path.open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartupError(f"{path}: another run writes to it") from error
        try:
            archive = Archive(stream)
        except (ValueError, KeyError, TypeError) as error:
            raise StartupError(f"{path}: not a file of results") from error
        yield archive


def _read(stream: BinaryIO) -> set[str]:
    """The files that have a whole line; a line cut short by a kill is removed."""
    stream.seek(0)
    done: set[str] = set()
    end = 0
    for line in stream:
        if not line.endswith(b"\n"):
            break
        done.add(str(json.loads(line)["file"]))
        end += len(line)
    stream.truncate(end)
    return done


def files_in(manifest: Path) -> list[Path]:
    """The files that a manifest names, one a line, each once; `-` is standard input."""
    text = open(0).read() if str(manifest) == "-" else manifest.read_text()  # noqa: SIM115
    return [Path(name) for name in dict.fromkeys(line.strip() for line in text.splitlines()) if name]
