"""Just enough of ISO media files (ISO/IEC 14496-12) to tell lies in them."""

import struct
from collections.abc import Callable

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf")


def find(content: bytes, name: bytes) -> int:
    """Offset of the first box of that type (of its size field)."""
    return content.index(name) - 4


def box(content: bytes, name: bytes) -> bytes:
    """The first box of that type, whole."""
    start = find(content, name)
    return content[start : start + struct.unpack_from(">I", content, start)[0]]


def patch(content: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite bytes of a box's body, `offset` after its type."""
    start = find(content, name) + 8 + offset
    return content[:start] + value + content[start + len(value) :]


def fill(content: bytes, name: bytes, start: int, value: bytes) -> bytes:
    """Overwrite the body of a box from `start` with `value`, again and again."""
    body = len(box(content, name)) - 8 - start
    return patch(content, name, start, (value * (body // len(value) + 1))[:body])


def grow(content: bytes, name: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Replace the first box of that type inside `moov`, which must be the last box of the file."""
    moov = box(content, b"moov")
    old = box(moov, name)
    new = change(old)
    inner = moov[8:].replace(old, new, 1)
    return content.replace(moov, struct.pack(">I4s", len(inner) + 8, b"moov") + inner)


def padded(content: bytes, size: int) -> bytes:
    """The same video, larger by a box of `size` bytes that says nothing."""
    return content + struct.pack(">I4s", size, b"free") + bytes(size - 8)
