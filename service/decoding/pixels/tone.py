"""High dynamic range (PQ) to standard: what a network trained on ordinary video expects, not the washed-out look of PQ
values shown as they are.

The steps are those of FFmpeg's usual filters, `zscale` to linear light and BT.709's primaries, `tonemap=hable:desat=0`,
`zscale` back, for a peak of 1000 cd/m2.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from .grid import Picture

Light = npt.NDArray[np.float32]

# Transfer characteristics as numbered in ITU-T H.273.
PQ, HLG = 16, 18

WHITE = 100.0  # cd/m2 of a standard picture's white: 1.0 of linear light
PEAK = 10.0
DISPLAY_GAMMA = 2.4  # ITU-R BT.1886
# ITU-R BT.2087: linear light of BT.2020's primaries to BT.709's.
TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


@cache
def _light_of_code() -> Light:
    """Linear light of each 8-bit PQ value, by SMPTE ST 2084."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = (np.arange(256) / 255) ** (1 / m2)
    return (10000 / WHITE * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)).astype(np.float32)


def _hable(light: Light) -> Light:
    """John Hable's filmic curve (Uncharted 2), with its published constants."""
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return np.asarray((light * (light * a + b * c) + d * e) / (light * (light * a + b) + d * f) - e / f, np.float32)


def to_standard_range(picture: Picture) -> Picture:
    """RGB in PQ and BT.2020's primaries to BT.709's, uint8 [H, W, 3]."""
    light = np.maximum(_light_of_code()[picture] @ TO_BT709.T, 0)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), np.float32(1e-6))
    peak = _hable(np.array(PEAK, np.float32))
    mapped = np.clip(light * (_hable(brightest) / peak / brightest), 0, 1)
    return np.asarray(np.rint(mapped ** (1 / DISPLAY_GAMMA) * 255), np.uint8)
