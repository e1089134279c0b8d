"""The `.wts` text format of tensorrtx and r3d_TensorRT: read and written exactly, a chunk at a time.

Line 1 is the number of tensors. Each further line is `name count hex hex ...`: float32 values as 8 big-endian
hex digits. Shapes are not stored.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from .errors import WtsError
from .files import replacing

Array = npt.NDArray[np.float32]
Tensors = dict[str, Array]

TOKEN = 9  # a separator and 8 hex digits
CHUNK = 1 << 20  # values converted at a time
MAX_HEADER = 1024  # bytes of name and count
# How such a file begins, whatever its name.
WTS_START = re.compile(rb"\s*\d{1,6}\s*\n")
HEADER = re.compile(rb"\s*(\S+)[ \t]+(\d{1,12})[ \t]*")


def write_wts(path: Path, tensors: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write `tensors` in their order as float32, through a temporary name.

    Raises WtsError for a name that is empty or holds white space, and for NaN or infinite values.
    """
    with replacing(path) as stream:
        stream.write(b"%d\n" % len(tensors))
        for number, (name, values) in enumerate(tensors.items(), start=2):
            _write_tensor(stream, number, name, np.asarray(values, np.float32).reshape(-1))


def _write_tensor(stream: BinaryIO, line: int, name: str, values: Array) -> None:
    if not name or len(name.split()) != 1:
        raise WtsError(line, name, "a tensor's name must be one word")
    _check_finite(line, name, values, 0)
    stream.write(f"{name} {values.size}".encode())
    for start in range(0, values.size, CHUNK):
        big_endian = values[start : start + CHUNK].astype(">f4").tobytes()
        stream.write(b" " + big_endian.hex(" ", 4).encode())
    stream.write(b"\n")


def read_wts(path: Path) -> Tensors:
    """Read every tensor as a flat float32 array, in the file's order.

    Raises WtsError, naming line and tensor, for anything that breaks the format: a wrong count, bad hex, NaN or
    infinity, a duplicate name, missing or trailing lines.
    """
    tensors: Tensors = {}
    with path.open("rb") as stream:
        expected = _read_total(stream)
        for line in range(2, expected + 2):
            name, count = _read_header(stream, line, expected)
            if name in tensors:
                raise WtsError(line, name, "duplicate name")
            tensors[name] = _read_values(stream, line, name, count)
        _check_end(stream, expected + 2)
    return tensors


def _read_total(stream: BinaryIO) -> int:
    text = stream.readline(MAX_HEADER).strip()
    if not text.isdigit():
        raise WtsError(1, None, f"expected the number of tensors, found {text[:40]!r}")
    return int(text)


def _read_header(stream: BinaryIO, line: int, expected: int) -> tuple[str, int]:
    """Name and count of one line, leaving the stream at the separator before its first value."""
    start = stream.tell()
    head = stream.read(MAX_HEADER)
    if not head.strip():
        raise WtsError(line, None, f"truncated: {expected} tensors were announced, {line - 2} are there")
    match = HEADER.match(head.split(b"\n", 1)[0])
    if match is None:
        raise WtsError(line, None, f"expected `name count values`, found {head[:40]!r}")
    has_values = int(match[2]) > 0 and match.end() < len(head) and head[match.end() - 1 : match.end()].isspace()
    stream.seek(start + match.end() - (1 if has_values else 0))
    return match[1].decode("utf-8", "replace"), int(match[2])


def _read_values(stream: BinaryIO, line: int, name: str, count: int) -> Array:
    parts = list(_chunks(stream, line, name, count))
    rest = stream.readline(MAX_HEADER).strip()
    if rest:
        raise WtsError(line, name, f"more than the {count} values announced, at {rest[:20]!r}")
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _chunks(stream: BinaryIO, line: int, name: str, count: int) -> Iterator[Array]:
    for start in range(0, count, CHUNK):
        wanted = min(CHUNK, count - start)
        text = stream.read(wanted * TOKEN)
        values = _parse(text[: len(text) // TOKEN * TOKEN], line, name, start)
        if values.size < wanted:
            _explain_short(text, line, name, count, start + values.size)
        yield values


def _parse(text: bytes, line: int, name: str, start: int) -> Array:
    """Values of whole tokens: a space and 8 hex digits each."""
    tokens = np.frombuffer(text, np.uint8).reshape(-1, TOKEN)
    bad = tokens[:, 0] != ord(" ")
    if bad.any():
        index = int(bad.argmax())
        if tokens[index, 0] in b"\r\n":
            raise WtsError(line, name, f"wrong count: the line ends after {start + index} values")
        raise WtsError(
            line, name, f"value {start + index}: expected a space and 8 hex digits near {_show(text, index)}"
        )
    digits = tokens[:, 1:].tobytes()
    try:
        raw = binascii.unhexlify(digits)
    except binascii.Error:
        index = _first_bad_hex(tokens)
        if b"\n" in tokens[index].tobytes():
            raise WtsError(line, name, f"wrong count: the line ends after {start + index} values") from None
        raise WtsError(line, name, f"value {start + index}: bad hex {_show(text, index)}") from None
    values = np.frombuffer(raw, ">f4").astype(np.float32)
    _check_finite(line, name, values, start)
    return values


def _show(text: bytes, index: int) -> str:
    return repr(text[index * TOKEN : (index + 1) * TOKEN].decode("ascii", "replace").strip())


def _first_bad_hex(tokens: npt.NDArray[np.uint8]) -> int:
    good = np.isin(tokens[:, 1:], np.frombuffer(b"0123456789abcdefABCDEF", np.uint8))
    return int((~good).any(axis=1).argmax())


def _explain_short(text: bytes, line: int, name: str, count: int, found: int) -> None:
    tail = text[len(text) // TOKEN * TOKEN :]
    reason = "the line" if b"\n" in tail else "the file"
    raise WtsError(line, name, f"truncated: {count} values were announced, {reason} ends after {found}")


def _check_finite(line: int, name: str, values: Array, start: int) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        index = int((~finite).argmax())
        raise WtsError(line, name, f"value {start + index} is {values[index]}, not a finite number")


def _check_end(stream: BinaryIO, line: int) -> None:
    rest = stream.read(MAX_HEADER)
    while rest:
        if rest.strip():
            raise WtsError(line, None, f"trailing data after the last tensor: {rest.strip()[:20]!r}")
        rest = stream.read(MAX_HEADER)
