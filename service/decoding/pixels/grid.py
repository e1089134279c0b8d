"""Which pixels of a frame the crop of its resized picture looks at, and with what weight.

Bilinear without antialiasing looks at two rows and two columns for each row and column of the result, however large the
frame is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]
Weights = npt.NDArray[np.uint16]

ONE = 256  # weights have eight bits


@dataclass(frozen=True)
class CropFormat:
    """The resized picture's size, and the crop cut from it, in pixels."""

    resize_height: int
    resize_width: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Axis:
    """For each of n rows (or columns) of the crop the two of the frame it lies between, [2, n], and the weight of the
    second, [n], of `ONE`."""

    places: Places
    weights: Weights

    @classmethod
    def of(cls, source: int, resized: int, first: int, count: int) -> "Axis":
        """`source` pixels are resized to `resized`, of which `count` from `first` on are kept."""
        position = (np.arange(first, first + count) + 0.5) * (source / resized) - 0.5
        lower = np.floor(position).astype(np.intp)
        inside = (lower >= 0) & (lower < source - 1)
        weights = np.where(inside, np.rint((position - lower) * ONE), 0).astype(np.uint16)
        near = np.clip(lower, 0, source - 1)
        return cls(np.stack([near, np.minimum(near + 1, source - 1)]), weights)

    def mirrored(self, source: int) -> "Axis":
        """The same, counted from the other end."""
        return Axis(source - 1 - self.places, self.weights)


@dataclass(frozen=True)
class Grid:
    """The looked-at lines and columns of a frame as it is stored; `turned`: shown, its lines are columns."""

    lines: Axis
    columns: Axis
    turned: bool

    @classmethod
    def of(cls, width: int, height: int, rotation: int, crop: CropFormat) -> "Grid":
        """For a stored picture of `width` x `height`, shown turned by `rotation` degrees counterclockwise."""
        turns = round(rotation / 90) % 4
        shown_width, shown_height = (height, width) if turns % 2 else (width, height)
        rows = Axis.of(shown_height, crop.resize_height, crop.top, crop.height)
        columns = Axis.of(shown_width, crop.resize_width, crop.left, crop.width)
        lines, columns = {
            0: (rows, columns),
            1: (columns, rows.mirrored(width)),
            2: (rows.mirrored(height), columns.mirrored(width)),
            3: (columns.mirrored(height), rows),
        }[turns]
        return cls(lines, columns, bool(turns % 2))
