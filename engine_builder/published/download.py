"""A file over HTTP into a part file that a later call goes on with."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import httpx

from ..errors import DownloadError

Report = Callable[[int, int | None], None]  # bytes there, of how many if known

TIMEOUT_SECONDS = 30.0
ATTEMPTS = 3  # in a row that bring nothing
MAX_BYTES = 1 << 30
WHOLE, PARTIAL, PAST_THE_END = 200, 206, 416
VALIDATOR_SUFFIX = ".validator"


class _LostError(Exception):
    """The connection ended before the file did, or what is there cannot be gone on with."""


def download(url: str, part: Path, report: Report) -> bool:
    """Bring `part` to the whole of `url`, from where it is; whether anything of an earlier call was used.

    The server is asked for the rest only if the file is still the one that was begun (`If-Range`, RFC 9110 13.1.5);
    one that sends the whole instead is taken at its word. Raises DownloadError; OSError when `part` cannot be written.
    """
    went_on = part.exists() and part.stat().st_size > 0
    failures, furthest = 0, _size(part)
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
        while True:
            try:
                return _attempt(client, url, part, report) and went_on
            except _LostError as lost:
                failures = 0 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures == ATTEMPTS:
                    raise _stopped(url, part, str(lost)) from lost


def _attempt(client: httpx.Client, url: str, part: Path, report: Report) -> bool:
    """One request; whether it went on from what was there."""
    there = _size(part)
    try:
        with client.stream("GET", url, headers=_headers(part, there)) as answer:
            if answer.status_code == PAST_THE_END and there:
                forget(part)
                raise _LostError("the server has less than was downloaded")
            if answer.status_code not in (WHOLE, PARTIAL):
                raise DownloadError(f"{url}: the server says {answer.status_code} {answer.reason_phrase}".rstrip())
            goes_on = answer.status_code == PARTIAL
            if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                forget(part)
                raise _LostError("the server sent another part than was asked for")
            _write(answer, part, there if goes_on else 0, report)
            return goes_on
    except httpx.InvalidURL as error:
        raise DownloadError(f"{url}: no address: {error}") from error
    except httpx.HTTPError as error:
        raise _LostError(str(error) or type(error).__name__) from error


def _headers(part: Path, there: int) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
        with suppress(FileNotFoundError):
            headers["If-Range"] = _validator_file(part).read_text("ascii")
    return headers


def _write(answer: httpx.Response, part: Path, start: int, report: Report) -> None:
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else None
    if total is not None and total > MAX_BYTES:
        raise DownloadError(f"{answer.url}: {total} bytes, too many for weights")
    with part.open("r+b" if start else "wb") as stream:
        stream.seek(start)
        if not start:
            _keep_validator(answer, part)
        _check_space(part, None if total is None else total - start)
        _copy(answer, stream, start, total, report)


def _copy(answer: httpx.Response, stream: BinaryIO, there: int, total: int | None, report: Report) -> None:
    for block in answer.iter_raw():
        stream.write(block)
        there += len(block)
        report(there, total)
        if there > MAX_BYTES:
            raise DownloadError(f"{answer.url}: too many bytes for weights")


def _keep_validator(answer: httpx.Response, part: Path) -> None:
    """A strong entity tag, or else the date: what If-Range takes."""
    tag = answer.headers.get("ETag", "")
    validator = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    _validator_file(part).unlink(missing_ok=True)
    if validator.isascii() and validator:
        _validator_file(part).write_text(validator, "ascii")


def _check_space(part: Path, needed: int | None) -> None:
    usage = os.statvfs(part.parent)
    free = usage.f_bavail * usage.f_frsize
    if needed is not None and needed > free:
        raise DownloadError(f"{part.parent}: {needed >> 20} MiB are needed, {free >> 20} are free")


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + VALIDATOR_SUFFIX)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def forget(part: Path) -> None:
    """Remove what was downloaded so far."""
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)


def _stopped(url: str, part: Path, reason: str) -> DownloadError:
    there = _size(part)
    if there:
        return DownloadError(f"{url}: stopped after {there >> 20} MiB ({reason}); the same command goes on from there")
    return DownloadError(f"{url}: cannot be downloaded: {reason}")
