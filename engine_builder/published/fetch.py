"""Published weights in the user's cache, downloaded the first time."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_path
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ..errors import DownloadError
from ..files import replacing, sha256_of
from .catalog import VARIABLE, Source, source_of
from .download import download, forget

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cached_model(architecture: str) -> Path:
    """Where the model directory of published weights goes unless another is named, and where the service looks.

    Weights from elsewhere make another directory.
    """
    place = os.environ.get(VARIABLE)
    suffix = f"-{hashlib.sha256(place.encode()).hexdigest()[:12]}" if place else ""
    return user_cache_path("r3d") / "published" / f"{architecture}{suffix}"


def fetch_weights(architecture: str, console: Console) -> Path:
    """The published weights' file, from the cache if it is there and good; otherwise fetched, with a progress bar.

    Raises DownloadError, which says how to do it by hand: no network, no space, a wrong hash.
    """
    source = source_of(architecture)
    folder = user_cache_path("r3d") / "weights"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f"{source.name}.lock"):
            if not _is_good(folder / source.name, source):
                _bring(source, folder / source.name, console)
    except (DownloadError, OSError) as error:
        raise DownloadError(f"{_reason(error, folder)}. {_by_hand(source, folder)}") from error
    return folder / source.name


def _bring(source: Source, target: Path, console: Console) -> None:
    if not source.is_remote:
        _copy(Path(source.place), target)
        _check(target, source)
        return
    part = target.with_name(f"{target.name}.part")
    if _download(source, part, console) and not _is_good(part, source):
        forget(part)  # the server's file may have changed since it was begun
        _download(source, part, console)
    _check(part, source)
    os.replace(part, target)
    forget(part)


def _download(source: Source, part: Path, console: Console) -> bool:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as shown:
        task = shown.add_task(source.name, total=None)
        return download(source.place, part, lambda there, total: shown.update(task, completed=there, total=total))


def _copy(place: Path, target: Path) -> None:
    with place.open("rb") as source, replacing(target) as stream:
        while block := source.read(1 << 20):
            stream.write(block)


def _is_good(path: Path, source: Source) -> bool:
    with suppress(FileNotFoundError):
        return sha256_of(path).startswith(source.sha256_prefix)
    return False


def _check(path: Path, source: Source) -> None:
    """Raises DownloadError, and removes the file, when its hash is not the one that its name carries."""
    found = sha256_of(path)
    if not found.startswith(source.sha256_prefix):
        forget(path)
        raise DownloadError(f"{source.place}: its SHA-256 begins with {found[:8]}, not {source.sha256_prefix}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time fetches a file; the others find it in the cache."""
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _reason(error: DownloadError | OSError, folder: Path) -> str:
    if isinstance(error, DownloadError):
        return str(error)
    if error.errno in NO_SPACE:
        return f"{folder}: no space left for the download; the same command goes on when there is"
    return f"{error.filename or folder}: {error.strerror or error}"


def _by_hand(source: Source, folder: Path) -> str:
    where = f"download {source.place}" if source.is_remote else f"find {source.name}"
    return f"By hand: {where} and put it into {folder}, or say with {VARIABLE} where it is"
