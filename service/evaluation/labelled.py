"""Lists of labelled videos, in the forms that are about.

`path,label` a line, with a header or without; `path index` a line, as MMAction2 has it; and Kinetics' own CSV, whose
`youtube_id`, `time_start` and `time_end` make the name that its videos are distributed under.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StartupError

PATH_COLUMNS = ("path", "file", "filename", "video", "video_path")
LABEL_COLUMN = "label"
KINETICS_COLUMNS = ("youtube_id", "time_start", "time_end")
UNKNOWN_TOLD = 5


@dataclass(frozen=True)
class Labelled:
    """A video of a list: its name there, where it is, and the index of its label."""

    name: str
    path: Path
    label: int


@dataclass(frozen=True)
class _Row:
    line: int
    name: str
    label: str


def read_labelled(listed: Path, labels: Sequence[str], root: Path | None = None) -> list[Labelled]:
    """The videos of a list, each once; relative paths are to `root`, or to the list's folder.

    A label is one of `labels`, by name or by index. Raises StartupError, naming the line, for a list that cannot be
    read, has no video, or has a label that is unknown or is another than before.
    """
    rows = list(_rows(listed))
    index_of = _Names(labels)
    found = [(row, index_of.find(row.label)) for row in rows]
    if unknown := [row for row, label in found if label is None]:
        told = ", ".join(f"{row.label!r} (line {row.line})" for row in unknown[:UNKNOWN_TOLD])
        more = f" and {len(unknown) - UNKNOWN_TOLD} more" if len(unknown) > UNKNOWN_TOLD else ""
        raise StartupError(f"{listed}: labels that the model does not have: {told}{more}")
    videos: dict[Path, tuple[_Row, Labelled]] = {}
    for row, label in found:
        video = Labelled(row.name, (root or listed.parent) / row.name, label or 0)
        before, same = videos.setdefault(video.path, (row, video))
        if same.label != video.label:
            raise StartupError(f"{listed}: lines {before.line} and {row.line} label {row.name} differently")
    if not videos:
        raise StartupError(f"{listed}: no videos in it")
    return [video for _, video in videos.values()]


class _Names:
    """Labels by name, however it is written, and by index."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._exact = {label: index for index, label in enumerate(labels)}
        self._loose: dict[str, list[int]] = {}
        for index, label in enumerate(labels):
            self._loose.setdefault(_plain(label), []).append(index)

    def find(self, text: str) -> int | None:
        """The index; None for what is no label, or might be several."""
        if text in self._exact:
            return self._exact[text]
        alike = self._loose.get(_plain(text), [])
        if len(alike) == 1:
            return alike[0]
        return int(text) if text.isdecimal() and int(text) < len(self._exact) else None


def _plain(label: str) -> str:
    return " ".join(label.replace("_", " ").casefold().split())


def _rows(listed: Path) -> Iterator[_Row]:
    lines = _lines(listed)
    split = _splitter(lines[0][1] if lines else "")
    columns: list[str] | None = None
    for place, (number, line) in enumerate(lines):
        fields = [field.strip() for field in split(line)]
        if place == 0 and LABEL_COLUMN in (names := [field.casefold() for field in fields]):
            columns = names
            continue
        try:
            named = (
                {"path": fields[0], "label": fields[1]} if columns is None else dict(zip(columns, fields, strict=True))
            )
            yield _Row(number, _name(named), named[LABEL_COLUMN])
        except (IndexError, ValueError, KeyError) as error:
            expected = "a path and a label" if columns is None else "what its first line names"
            raise StartupError(f"{listed}: line {number} is not {expected}: {line!r}") from error


def _lines(listed: Path) -> list[tuple[int, str]]:
    try:
        text = listed.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{listed}: cannot be read as text: {error}") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _splitter(first: str) -> Callable[[str], list[str]]:
    if "\t" in first:
        return lambda line: line.split("\t")
    if "," in first:
        return lambda line: next(csv.reader([line]))
    return lambda line: line.rsplit(maxsplit=1)


def _name(row: Mapping[str, str]) -> str:
    """Raises KeyError, or ValueError, for a row that names no video."""
    name = next((row[column] for column in PATH_COLUMNS if column in row), None)
    if name is None:
        video, start, end = (row[column] for column in KINETICS_COLUMNS)
        name = f"{video}_{int(start):06d}_{int(end):06d}.mp4"
    if not name:
        raise ValueError("no name")
    return name
