"""What a sequence parameter set of H.264 or HEVC says that decides whether NVDEC gives the pictures that FFmpeg gives.

ITU-T H.264 section 7.3.2.1, H.265 section 7.3.2.2. Runs in the decode child only: it meets untrusted bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import NvdecError
from .wire import Codec

START = re.compile(rb"\x00\x00\x01")
# First bytes of units, but for their first bit: it should be 0, and who reads on may not mind.
SETS = {"h264": frozenset((0x07, 0x27, 0x47, 0x67)), "hevc": frozenset((0x42, 0x43))}
# Of types 1, 2 and 5; of all up to 31.
SLICES = {
    "h264": frozenset(part << 5 | kind for part in range(4) for kind in (1, 2, 5)),
    "hevc": frozenset(range(0x40)),
}
HEADER_BYTES = {"h264": 1, "hevc": 2}
CHROMA_420, CHROMA_444 = 1, 3
H264_CHROMA_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


@dataclass(frozen=True)
class Sequence:
    """`chroma`: as numbered by both standards. `progressive`: every picture is a frame. `left`, `top`: samples that are
    cut off there, in units of the chroma's."""

    chroma: int
    progressive: bool
    left: int
    top: int


def parameter_sets(codec: Codec, data: bytes) -> list[bytes]:
    """The sequence parameter sets in Annex B bytes, with their headers."""
    starts = (found.end() for found in START.finditer(data))
    return [_unit(data, start) for start in starts if data[start : start + 1] and data[start] & 0x7F in SETS[codec]]


def pictures_in(codec: Codec, data: bytes) -> tuple[int, int]:
    """How many pictures begin in Annex B bytes, by their slices' word, and how many slices there are.

    The first bit behind a slice's header says it: `first_mb_in_slice` is 0 in H.264, `first_slice_segment_in_pic_flag`
    in HEVC.
    """
    behind = HEADER_BYTES[codec]
    heads = (data[found.end() : found.end() + behind + 1] for found in START.finditer(data))
    slices = [head for head in heads if head and head[0] & 0x7F in SLICES[codec]]
    return sum(len(head) > behind and head[behind] >= 0x80 for head in slices), len(slices)


def has_layers(data: bytes) -> bool:
    """Whether a unit of HEVC's Annex B bytes belongs to another layer than the first, as depth or transparency do."""
    heads = (data[found.end() : found.end() + 2] for found in START.finditer(data))
    return any(len(head) == 2 and (head[0] & 1 or head[1] >> 3) for head in heads)


def read_sequence(codec: Codec, unit: bytes) -> Sequence:
    """What a sequence parameter set says. Raises NvdecError if it is none."""
    try:
        return _h264(_Bits(unit[1:])) if codec == "h264" else _hevc(_Bits(unit[2:]))
    except (IndexError, ValueError) as error:
        raise NvdecError("damaged", "a sequence parameter set is damaged") from error


def _unit(data: bytes, start: int) -> bytes:
    end = data.find(b"\x00\x00\x01", start)
    return data[start : len(data) if end < 0 else end].rstrip(b"\x00")


class _Bits:
    """Bits of a unit, without the bytes that keep start codes out. Raises ValueError behind the last."""

    def __init__(self, unit: bytes) -> None:
        self._bits = iter(_bits(unit.replace(b"\x00\x00\x03", b"\x00\x00")))

    def take(self, count: int) -> int:
        """An unsigned number of so many bits."""
        value = 0
        for _ in range(count):
            bit = next(self._bits, None)
            if bit is None:
                raise ValueError("the unit is too short")
            value = value << 1 | bit
        return value

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("a number is too large")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """A signed Exp-Golomb number."""
        value = self.golomb()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def _bits(unit: bytes) -> Iterator[int]:
    for byte in unit:
        for place in range(7, -1, -1):
            yield byte >> place & 1


def _h264(bits: _Bits) -> Sequence:
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    chroma = CHROMA_420
    if profile in H264_CHROMA_PROFILES:
        chroma = bits.golomb()
        bits.take(1 if chroma == CHROMA_444 else 0)
        bits.golomb(), bits.golomb(), bits.take(1)
        if bits.take(1):
            for number in range(12 if chroma == CHROMA_444 else 8):
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1), bits.signed(), bits.signed()
        for _ in range(bits.golomb()):
            bits.signed()
    bits.golomb(), bits.take(1), bits.golomb(), bits.golomb()
    progressive = bool(bits.take(1))
    bits.take(2 if not progressive else 1)
    left, top = _cropping(bits)
    return Sequence(chroma, progressive, left, top)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    if not bits.take(1):
        return
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc(bits: _Bits) -> Sequence:
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    bits.take(8), bits.take(32)
    bits.take(1)  # progressive_source: not all encoders set it
    interlaced = bool(bits.take(1))
    bits.take(46), bits.take(8)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    bits.take(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    chroma = bits.golomb()
    bits.take(1 if chroma == CHROMA_444 else 0)
    bits.golomb(), bits.golomb()
    left, top = _cropping(bits)
    return Sequence(chroma, not interlaced, left, top)


def _cropping(bits: _Bits) -> tuple[int, int]:
    """Left and top."""
    if not bits.take(1):
        return 0, 0
    left, _, top = bits.golomb(), bits.golomb(), bits.golomb()
    return left, top
