"""What a decode child and the process that drives NVDEC tell each other, over a stream socket.

Child to process: `BEGIN` with a `Stream`; then packets, `PACKETS`, any number of times, and `FINISH`. The process
answers each of the last two with `FRAMES`, the crops of the frames that are through, in the order in which they are
shown, or with `REFUSED` and a `Refusal`, which ends the connection. Both have met untrusted bytes: each checks what the
other says.
"""

import socket
import struct
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ..messages import FallbackKind

# What a message is, and how many bytes follow.
HEADER = struct.Struct("!BI")
BEGIN, PACKETS, FINISH, FRAMES, REFUSED = range(5)
COUNT = struct.Struct("!I")
# How many frames, and how many the decoder held back when its first came: it never holds more, unless one is lost.
ANSWER = struct.Struct("!II")
# Of each packet, before the bytes of all.
SIZE = np.dtype(">u4")

MAX_PACKETS = 32
# A message has no more than the first, except for one packet that has more by itself.
USUAL_BYTES, MAX_BYTES = 1 << 20, 32 << 20

Data = npt.NDArray[np.uint8]
Codec = Literal["h264", "hevc"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stream(_Part):
    """A video stream, 4:2:0: its pictures as they are stored, and how their colours are to be read.

    `turns`: by how many quarters of a turn, counterclockwise, it is shown. `wide`: BT.2020's matrix, else BT.601's.
    """

    codec: Codec
    bits: Literal[8, 10]
    width: int = Field(ge=2, le=16384, multiple_of=2)
    height: int = Field(ge=2, le=16384)
    turns: int = Field(ge=0, le=3)
    wide: bool
    full_range: bool


class Refusal(_Part):
    """Why the process does not go on with a video."""

    kind: FallbackKind
    detail: str = Field(max_length=500)


def read_exactly(connection: socket.socket, length: int) -> Data:
    """So many bytes. Raises EOFError when the connection ends, and OSError."""
    data = np.empty(length, np.uint8)
    view, received = data.data, 0
    while received < length:
        count = connection.recv_into(view[received:])
        if not count:
            raise EOFError("the connection ended")
        received += count
    return data


def pack(kind: int, *parts: bytes) -> bytes:
    """A message."""
    return b"".join((HEADER.pack(kind, sum(map(len, parts))), *parts))
