"""A picture of our own through NVDEC: whether it works; and what decoding loads is loaded then."""

import base64

import numpy as np

from ..pixels.grid import CropFormat, Grid
from .unit import DecoderUnit
from .wire import Stream

# Three frames of H.264, 128 x 128, grey: encoded with x264, without the message that names it.
VIDEO = base64.b64decode(
    "AAAAAWdCwAvZAgRsBEAAAAMAQAAADIPFCpIAAAABaMuDyyAAAAFliIQL8mKAAZk5OTk5OTk666666666666666666666666666666666666666"
    "666666666666666668AAAAAUGaOBfgQYAAAAABQZpUBXgQYA=="
)
PACKETS = (VIDEO[:96], VIDEO[96:107], VIDEO[107:])
SIZE, CROP = 128, CropFormat(16, 16, 4, 4, 8, 8)
# RGB 128 128 128 was encoded.
GREY = 128
EMPTY = np.empty(0, np.uint8)


def self_test(unit: DecoderUnit) -> None:
    """Try a decoder for H.264. Raises ValueError if the frames are not what they should be, and what the GPU raises."""
    stream = Stream(codec="h264", bits=8, width=SIZE, height=SIZE, turns=0, wide=False, full_range=False)
    unit.begin(stream, Grid.of(SIZE, SIZE, 0, CROP))
    for number, packet in enumerate(PACKETS):
        unit.decode(number, np.frombuffer(packet, np.uint8))
    unit.decode(0, EMPTY)
    numbers, _, crops = unit.take()
    pixels = np.frombuffer(b"".join(crops), np.uint8)
    if len(numbers) // 8 != len(PACKETS) or np.abs(pixels.astype(np.int16) - GREY).max() > 1:
        raise ValueError(f"{len(numbers) // 8} frames of {len(PACKETS)}, wrong pixels")
