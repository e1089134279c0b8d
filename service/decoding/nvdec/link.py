"""The decode child's end of its connection to the process that drives NVDEC."""

import socket
from collections.abc import Sequence

import numpy as np
from pydantic import ValidationError

from .errors import NvdecError
from .wire import (
    ANSWER,
    BEGIN,
    COUNT,
    FINISH,
    FRAMES,
    HEADER,
    PACKETS,
    REFUSED,
    SIZE,
    Data,
    Refusal,
    Stream,
    pack,
    read_exactly,
)

# The process that drives NVDEC ends by itself before, if it hangs.
ANSWER_SECONDS = 20.0
MAX_REFUSAL_BYTES = 4096


class Link:
    """One video after the other. What is asked for comes in order; every error is an NvdecError."""

    def __init__(self, connection: socket.socket) -> None:
        """`connection` is closed by its owner."""
        self._connection = connection
        self._connection.settimeout(ANSWER_SECONDS)
        self._shape = (0, 0)
        self._expected = 0
        self.held = 0

    def begin(self, stream: Stream, lines: int, columns: int) -> None:
        """A video whose crops, as they are stored, have that size; what is left of the one before is dropped."""
        while self._expected:
            self.receive()
        self._shape = (lines, columns)
        self._send(pack(BEGIN, stream.model_dump_json().encode()))

    def send(self, packets: Sequence[bytes]) -> None:
        """Packets, in the order in which they are decoded."""
        sizes = np.array([len(data) for data in packets], SIZE)
        self._send(pack(PACKETS, COUNT.pack(len(packets)), sizes.tobytes(), *packets))
        self._expected += 1

    def finish(self) -> None:
        """There are no more packets."""
        self._send(pack(FINISH))
        self._expected += 1

    def receive(self) -> Data:
        """The answer to the earliest `send` or `finish` that has none: crops of frames, in the order in which they are
        shown, uint8 [frames, lines, columns, 3]. `held` then says how many frames the decoder held back when its first
        came, 0 before."""
        try:
            kind, length = HEADER.unpack(read_exactly(self._connection, HEADER.size).data)
            if kind == REFUSED and length <= MAX_REFUSAL_BYTES:
                self._refused(read_exactly(self._connection, length).tobytes())
            found = self._frames(length) if kind == FRAMES else None
        except (OSError, EOFError) as error:
            raise _lost(error) from error
        if found is None:
            raise NvdecError("lost", "the process that drives NVDEC broke its protocol")
        self._expected -= 1
        return found

    def _refused(self, answer: bytes) -> None:
        try:
            refusal = Refusal.model_validate_json(answer)
        except ValidationError as error:
            raise NvdecError("lost", "the process that drives NVDEC broke its protocol") from error
        raise NvdecError(refusal.kind, refusal.detail)

    def _frames(self, length: int) -> Data | None:
        """None if their number does not go with their size."""
        count, self.held = ANSWER.unpack(read_exactly(self._connection, ANSWER.size).data)
        lines, columns = self._shape
        if length != ANSWER.size + count * lines * columns * 3:
            return None
        return read_exactly(self._connection, count * lines * columns * 3).reshape(count, lines, columns, 3)

    def _send(self, message: bytes) -> None:
        try:
            self._connection.sendall(message)
        except OSError as error:
            raise _lost(error) from error


def _lost(error: Exception) -> NvdecError:
    slow = isinstance(error, TimeoutError)
    return NvdecError("lost", f"NVDEC did not answer for {ANSWER_SECONDS:g} s" if slow else "NVDEC's process is gone")
