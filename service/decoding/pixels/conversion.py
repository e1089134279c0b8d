"""A frame to its crop as it is stored: read what is looked at, convert it to RGB with FFmpeg's swscale, interpolate."""

import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from .grid import Grid, Picture
from .interpolation import Interpolator
from .lines import Layout, LineReader
from .tone import HLG, PQ

BT2020_MATRIX = 9  # as numbered in ITU-T H.273


class Conversion:
    """Converts frames of one kind."""

    def __init__(self, frame: VideoFrame, grid: Grid) -> None:
        """`frame` is one of them."""
        self._lines, self._columns = grid.lines.places.reshape(-1), grid.columns.places.reshape(-1)
        self._interpolator = Interpolator(grid.lines, grid.columns)
        self._swscale = VideoReformatter()
        self._matrix, self._range = colours_of(frame)
        self._reader: LineReader | None = None
        layout = Layout.of(frame.format)
        if layout is not None and frame.planes[0].line_size > 0:  # negative: stored bottom up
            self._reader = LineReader(layout, self._lines, self._columns, frame.width)
            self._columns = self._columns - self._reader.first

    def convert(self, frame: VideoFrame) -> Picture:
        """The crop, not turned: uint8 [lines, columns, 3] RGB."""
        return self._interpolator.interpolate(self._looked_at(frame))

    def _looked_at(self, frame: VideoFrame) -> npt.NDArray[np.uint32]:
        """The looked-at pixels, RGBA in 32 bits each, [2 lines, 2 columns]."""
        if self._reader is None:  # a format that is rare: the whole picture is converted
            return self._rgba(frame).take(self._lines, axis=0).take(self._columns, axis=1)
        self._reader.read(frame)
        return self._rgba(self._reader.frame).take(self._columns, axis=1, mode="clip")

    def _rgba(self, frame: VideoFrame) -> npt.NDArray[np.uint32]:
        rgba = self._swscale.reformat(
            frame,
            format="rgba",
            src_colorspace=self._matrix,
            src_color_range=self._range,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        return np.frombuffer(memoryview(rgba.planes[0]), np.uint32).reshape(rgba.height, -1)


def colours_of(frame: VideoFrame) -> tuple[Colorspace, ColorRange]:
    """How swscale is to read the frame's colours.

    Of standard dynamic range the matrix's tag is not looked at: OpenCV does not, and networks were trained on what it
    gives.
    """
    wide = frame.colorspace == BT2020_MATRIX or frame.color_trc in (PQ, HLG)
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return Colorspace.BT2020 if wide else Colorspace.ITU601, ColorRange.JPEG if full else ColorRange.MPEG
