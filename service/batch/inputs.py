"""The files that a run is about: named one by one, by folders and patterns, or in a list; read as they are needed."""

import errno
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..decoding.formats import HEAD_BYTES, container_of
from ..errors import StartupError

STANDARD_INPUT = Path("-")
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class NamingError(StartupError):
    """A name that stands for no file."""


@dataclass(frozen=True)
class Inputs:
    """Iterate it once. `names` are files, folders, patterns, or `-`: a video on standard input.

    `listed` is a file of names, one a line, of files and folders; `-`: on standard input. A folder stands for the
    videos in it, by content; with `recursive` for those in its folders too.
    """

    names: Sequence[str]
    listed: Path | None = None
    recursive: bool = False

    def check(self) -> None:
        """Raises NamingError for a name that stands for nothing, as far as that can be known without waiting."""
        if self.listed is not None and self.listed != STANDARD_INPUT and not self.listed.exists():
            raise NamingError(f"'{self.listed}' does not exist")
        for name in self.names:
            if next(self._named(name), None) is None:
                inside = "" if self.recursive else "; with --recursive its folders are searched too"
                raise NamingError(f"{name}: no video in this folder{inside}")

    def count(self) -> int | None:
        """How many files; a folder in a list is one. None if that takes a search, or reads what is read once.

        Raises NamingError for a bad line of a list.
        """
        if any(Path(name).is_dir() or not os.path.lexists(name) for name in self.names if name != "-"):
            return None
        if self.listed is None:
            return len(self.names)
        if not self.listed.is_file():
            return None
        return len(self.names) + sum(1 for _ in _lines(self.listed))

    def __iter__(self) -> Iterator[Path]:
        """Raises NamingError, and OSError for a list that cannot be read."""
        for name in self.names:
            yield from self._named(name)
        for line in _lines(self.listed) if self.listed else ():
            if Path(line).is_dir():
                yield from videos_in(Path(line), self.recursive, or_itself=True)
            else:
                yield Path(line)

    def _named(self, name: str) -> Iterator[Path]:
        _check(name, "")
        if name == str(STANDARD_INPUT):
            yield STANDARD_INPUT
        elif os.path.lexists(name):
            yield from self._one(Path(name))
        elif not glob.has_magic(name):
            raise NamingError(f"'{name}' does not exist")
        else:
            found = sorted(glob.iglob(name, recursive=True))  # noqa: PTH207  # a whole path, from the root or not
            if not found:
                raise NamingError(f"no file is named like '{name}'")
            for each in found:
                yield from self._one(Path(each))

    def _one(self, path: Path) -> Iterator[Path]:
        if path.is_dir():
            yield from videos_in(path, self.recursive)
        else:
            yield path


def look_at(video: Path) -> None:
    """Raises OSError for what is not there, may not be read, or is no file: a pipe would be waited for without end."""
    if video == STANDARD_INPUT:
        return
    mode = video.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), video)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a pipe, socket or device, not a file", video)
    os.close(os.open(video, os.O_RDONLY | os.O_CLOEXEC))


def videos_in(folder: Path, recursive: bool, or_itself: bool = False) -> Iterator[Path]:
    """The files in a folder that are videos by content, by name; the folder where there is none, if `or_itself`.

    Links to folders are not followed.
    """
    empty = True
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = sorted(folders) if recursive else []
        for path in (Path(place, name) for name in sorted(files)):
            if _is_video(path):
                empty = False
                yield path
    if empty and or_itself:
        yield folder


def _raise(error: OSError) -> None:
    raise NamingError(f"{error.filename}: {error.strerror}") from error


def _is_video(path: Path) -> bool:
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return container_of(file.read(HEAD_BYTES)) is not None
    return False


def _lines(listed: Path) -> Iterator[str]:
    """The names in a list, however they are encoded; empty lines are left out.

    Raises NamingError for a name that cannot be one, and when there is none.
    """
    empty, shown = True, "standard input" if listed == STANDARD_INPUT else str(listed)
    source: int | Path = 0 if listed == STANDARD_INPUT else listed
    with open(source, encoding="utf-8-sig", errors="surrogateescape", closefd=source != 0) as stream:
        for place, line in enumerate(stream, start=1):
            if name := line.strip():
                _check(name, f"{shown}, line {place}: ")
                empty = False
                yield name
    if empty:
        raise NamingError(f"{shown}: names no file")


def _check(name: str, where: str) -> None:
    if ADDRESS.match(name):
        raise NamingError(f"{where}{name}: addresses are not supported, only files: download it first")
    if "\0" in name:
        raise NamingError(f"{where}not a name; a list is text, with one name a line")
