"""What `crops.cu` computes, in NumPy, step by step as there."""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.decoding.nvdec.colours import Colours
from service.decoding.pixels.grid import Picture

Whole = npt.NDArray[np.int32]
Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def crop(
    luma: Samples, chroma: Samples, bits: int, lines: npt.NDArray[np.int32], columns: npt.NDArray[np.int32], of: Colours
) -> Picture:
    """uint8 [n lines, n columns, 3] of a frame as NVDEC gives it: luma [H, W], chroma [H / 2, W], Cb and Cr in turn.

    `lines`, `columns`: [n, 3], the two that a pixel lies between and the weight of the second, of 256.
    """
    corners = [[_rgb(luma, chroma, bits, lines[:, row], columns[:, side], of) for side in (0, 1)] for row in (0, 1)]
    right: Whole = columns[None, :, 2, None].astype(np.int32)
    below: Whole = lines[:, None, 2, None].astype(np.int32)
    (upper_left, upper_right), (lower_left, lower_right) = corners
    upper: Whole = upper_left * (256 - right) + upper_right * right
    lower: Whole = lower_left * (256 - right) + lower_right * right
    return np.asarray((upper * (256 - below) + lower * below + 32768) >> 16, np.uint8)


def _rgb(
    luma: Samples, chroma: Samples, bits: int, lines: npt.NDArray[np.int32], columns: npt.NDArray[np.int32], of: Colours
) -> Whole:
    """[n lines, n columns, 3]"""
    samples = _samples(luma, bits, lines, columns)
    y = ((_in_8_bits(samples, bits - 8) * 8 - of.luma_offset) * of.luma) >> 16
    cb, cr = (_chroma(chroma, bits, lines, columns // 2 * 2 + part) * 8 - 1024 for part in (0, 1))
    red = y + ((cr * of.red_of_cr) >> 16)
    green = y + ((cb * of.green_of_cb) >> 16) + ((cr * of.green_of_cr) >> 16)
    blue = y + ((cb * of.blue_of_cb) >> 16)
    return np.asarray(np.clip(np.stack([red, green, blue], axis=-1), 0, 255), np.int32)


def _chroma(plane: Samples, bits: int, lines: npt.NDArray[np.int32], places: npt.NDArray[np.int32]) -> Whole:
    near = lines // 2
    values = _samples(plane, bits, near, places)
    if bits == 8:
        return values
    other = np.clip(near + np.where(lines % 2, 1, -1), 0, len(plane) - 1)
    return _in_8_bits(3 * values + _samples(plane, bits, other, places), bits - 6)


def _samples(plane: Samples, bits: int, lines: npt.NDArray[Any], columns: npt.NDArray[Any]) -> Whole:
    return np.asarray(plane[lines][:, columns].astype(np.int32) >> (0 if bits == 8 else 16 - bits), np.int32)


def _in_8_bits(values: Whole, shift: int) -> Whole:
    return np.asarray(np.minimum((values + (1 << shift >> 1)) >> shift, 255), np.int32)
