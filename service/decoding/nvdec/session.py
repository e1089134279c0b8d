"""One decode child's videos: packets in, crops out. Runs in a thread of the process that drives NVDEC."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError

from ..pixels.grid import CropFormat, Grid
from .errors import NvdecError
from .pool import Pool
from .unit import DecoderUnit
from .wire import (
    ANSWER,
    BEGIN,
    COUNT,
    FINISH,
    FRAMES,
    HEADER,
    MAX_BYTES,
    MAX_PACKETS,
    PACKETS,
    REFUSED,
    SIZE,
    Data,
    Refusal,
    Stream,
    pack,
    read_exactly,
)


class Session:
    """Serves one connection.

    `busy_since`: when NVDEC was given what it works on, None while it has nothing. `damaged`: whether it met damage.
    """

    def __init__(
        self, connection: socket.socket, pool: Pool, crop: CropFormat, refuses: Callable[[Stream], str | None]
    ) -> None:
        """`refuses` says why a stream cannot be decoded. `connection` is closed by its owner."""
        self._connection = connection
        self._pool = pool
        self._crop = crop
        self._refuses = refuses
        self._unit: DecoderUnit | None = None
        self.busy_since: float | None = None
        self.damaged = False

    def serve(self) -> None:
        """Until the child closes the connection, or is refused. Raises what the GPU raises."""
        try:
            while True:
                kind, payload = self._read()
                self.busy_since = time.monotonic()
                self._do(kind, payload)
                self.busy_since = None
        except (EOFError, OSError):  # the child wants no more, or is gone
            self.busy_since = time.monotonic()
            self._give_back()
        except NvdecError as error:
            self.busy_since = None
            self.damaged = error.kind == "damaged"
            self._unit = None
            self._refuse(error)
        finally:
            self.busy_since = None

    def _read(self) -> tuple[int, Data]:
        kind, length = HEADER.unpack(read_exactly(self._connection, HEADER.size).data)
        if length > MAX_BYTES:
            raise _broken()
        return kind, read_exactly(self._connection, length)

    def _do(self, kind: int, payload: Data) -> None:
        if kind == BEGIN:
            self._give_back()
            self._begin(payload)
        elif kind == PACKETS and self._unit is not None:
            self._unit.decode(*_packets(payload))
            self._answer(*self._unit.take())
        elif kind == FINISH and self._unit is not None:
            self._unit.finish()
            found = self._unit.take()
            self._keep(self._unit)
            self._answer(*found)
        else:
            raise _broken()

    def _begin(self, payload: Data) -> None:
        try:
            stream = Stream.model_validate_json(payload.tobytes())
        except ValidationError as error:
            raise _broken() from error
        if (reason := self._refuses(stream)) is not None:
            raise NvdecError("unsupported", reason)
        self._unit = self._pool.take(stream)
        self._unit.begin(stream, Grid.of(stream.width, stream.height, 90 * stream.turns, self._crop))

    def _give_back(self) -> None:
        """Keep the decoder of a video that nobody wants the rest of."""
        if self._unit is None:
            return
        try:
            self._unit.finish()
            self._unit.take()
        except NvdecError:  # it is left to itself
            self._unit = None
        else:
            self._keep(self._unit)

    def _keep(self, unit: DecoderUnit) -> None:
        """The video is over; one that gave no frame of it may be in any state."""
        if unit.gave_frames:
            self._pool.give(unit)
        self._unit = None

    def _answer(self, frames: int, held: int, crops: list[Data]) -> None:
        self.busy_since = None  # it is the child's turn
        length = ANSWER.size + sum(map(len, crops))
        self._connection.sendall(HEADER.pack(FRAMES, length) + ANSWER.pack(frames, held))
        for part in crops:
            self._connection.sendall(part.data)

    def _refuse(self, error: NvdecError) -> None:
        refusal = Refusal(kind=error.kind, detail=error.detail[:500])
        with suppress(OSError):  # the child is gone
            self._connection.sendall(pack(REFUSED, refusal.model_dump_json().encode()))
            # It may be sending yet: it hears what was said before only if this end stays open.
            while self._connection.recv(1 << 16):
                pass


def _packets(payload: Data) -> tuple[list[int], Data]:
    """Each packet's size, and the bytes of all. Raises NvdecError if the message is not as it should be."""
    if len(payload) < COUNT.size:
        raise _broken()
    [count] = COUNT.unpack(payload[: COUNT.size].data)
    start = COUNT.size + count * SIZE.itemsize
    if not 0 < count <= MAX_PACKETS or start > len(payload):
        raise _broken()
    sizes = payload[COUNT.size : start].view(SIZE).tolist()
    if start + sum(sizes) != len(payload) or not all(sizes):
        raise _broken()
    return sizes, payload[start:]


def _broken() -> NvdecError:
    return NvdecError("lost", "the decode child broke its protocol")
