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
PACKETS = (96, 11, len(VIDEO) - 107)  # bytes of each
SIZE, CROP = 128, CropFormat(16, 16, 4, 4, 8, 8)
# RGB 128 128 128 was encoded.
GREY = 128


def self_test(unit: DecoderUnit) -> None:
    """Try a decoder for H.264. Raises ValueError if the frames are not what they should be, and what the GPU raises."""
    stream = Stream(codec="h264", bits=8, width=SIZE, height=SIZE, turns=0, wide=False, full_range=False)
    unit.begin(stream, Grid.of(SIZE, SIZE, 0, CROP))
    unit.decode(PACKETS, np.frombuffer(VIDEO, np.uint8))
    unit.finish()
    frames, _, crops = unit.take()
    if frames != len(PACKETS) or np.abs(np.concatenate(crops).astype(np.int16) - GREY).max() > 1:
        raise ValueError(f"{frames} frames of {len(PACKETS)}, wrong pixels")
