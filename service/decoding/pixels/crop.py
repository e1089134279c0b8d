"""A frame to its crop, in RGB."""

from dataclasses import dataclass

import numpy as np
from av import VideoFrame

from .conversion import Conversion
from .grid import CropFormat, Grid, Picture
from .tone import PQ, to_standard_range


@dataclass(frozen=True)
class _Kind:
    """What frames have in common that are converted alike."""

    format: str
    size: tuple[int, int]
    bottom_up: bool
    rotation: int
    colours: tuple[int, int, int]

    @classmethod
    def of(cls, frame: VideoFrame) -> "_Kind":
        bottom_up = frame.planes[0].line_size < 0
        colours = (frame.color_range, frame.colorspace, frame.color_trc)
        return cls(frame.format.name, (frame.width, frame.height), bottom_up, frame.rotation, colours)


class Cropper:
    """Makes crops of a video's frames, which may change in size and format."""

    def __init__(self, crop: CropFormat) -> None:
        self._crop = crop
        self._kind: _Kind | None = None

    def crop(self, frame: VideoFrame) -> Picture:
        """The frame, turned upright, squeezed to the resize size (bilinear, no antialiasing), its middle cut out:
        uint8 [H, W, 3] RGB. High dynamic range (PQ) is mapped to standard."""
        kind = _Kind.of(frame)
        if kind != self._kind:
            self._prepare(frame, kind)
        return upright(self._conversion.convert(frame), self._turned, frame.color_trc)

    def _prepare(self, frame: VideoFrame, kind: _Kind) -> None:
        grid = Grid.of(frame.width, frame.height, frame.rotation, self._crop)
        self._kind, self._turned = kind, grid.turned
        self._conversion = Conversion(frame, grid)


def upright(stored: Picture, turned: bool, transfer: int) -> Picture:
    """The crop as it is shown, of one as it is stored; `turned`: its lines are columns. PQ is mapped to standard."""
    crop = np.ascontiguousarray(stored.swapaxes(0, 1)) if turned else stored
    return to_standard_range(crop) if transfer == PQ else crop
