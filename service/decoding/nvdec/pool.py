"""Decoders that are kept: making one takes NVDEC some 70 ms, one at a time on the whole GPU."""

import threading
from collections.abc import Callable

from .unit import DecoderUnit
from .wire import Codec, Stream

Make = Callable[[Codec, int, int], DecoderUnit]

# A decoder takes memory for the largest size that it may be set to: so there are classes of it. Square, as videos stand
# upright as often as not.
SIZES = (1280, 1920, 4096, 8192, 16384)


class Pool:
    """Decoders that nobody uses, at most `room`; those used least lately make way. Safe from any thread."""

    def __init__(self, make: Make, room: int) -> None:
        """`make` makes a decoder of a codec, bits, and the largest width and height that there may be."""
        self._make = make
        self._room = room
        self._idle: list[DecoderUnit] = []
        self._lock = threading.Lock()

    def take(self, stream: Stream) -> DecoderUnit:
        """The smallest that can be set to the stream. What `make` raises."""
        needed = max(stream.width, stream.height)
        with self._lock:
            fitting = [unit for unit in self._idle if unit.kind == (stream.codec, stream.bits) and unit.size >= needed]
            if fitting:
                unit = min(reversed(fitting), key=lambda each: each.size)
                self._idle.remove(unit)
                return unit
            spare = self._idle.pop(0) if len(self._idle) >= self._room else None
        del spare  # its memory, before new memory is taken
        return self._make(stream.codec, stream.bits, next(size for size in SIZES if needed <= size))

    def give(self, unit: DecoderUnit) -> None:
        """One that is no longer used, its video over."""
        with self._lock:
            self._idle.append(unit)
            spare = self._idle.pop(0) if len(self._idle) > self._room else None
        del spare
