"""The looked-at lines of a frame, as a small frame of 8 bits that swscale converts as it would convert the whole.

swscale takes for a pixel the chroma sample that is stored for it. So of lines that share their chroma each gets its own
copy of it (4:2:0 becomes 4:2:2), and the result is equal to the bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from av import VideoFormat, VideoFrame
from av.video.plane import VideoPlane

from .grid import Places

# Columns that share a sample of chroma -> the format of the small frame.
FORMATS = {1: "yuv444p", 2: "yuv422p", 4: "yuv411p"}
GREY = "gray"
# swscale converts this many columns at a time, and the rest of a line in another way, which rounds differently.
COLUMNS_AT_A_TIME = 32


@dataclass(frozen=True)
class Layout:
    """How a planar YUV format stores its samples."""

    bits: int
    chroma_columns: int  # columns of luma that share a sample of chroma
    chroma_lines: int
    colour: bool

    @classmethod
    def of(cls, pixels: VideoFormat) -> "Layout | None":
        """None for a format that is not planar YUV of 8 to 16 bits in this machine's byte order."""
        parts = pixels.components
        planes = {part.plane for part in parts}
        if pixels.is_rgb or pixels.is_big_endian or pixels.has_palette or pixels.is_bit_stream:
            return None
        if not 8 <= parts[0].bits <= 16 or len(planes) != len(parts):
            return None
        if len(parts) < 3:
            return cls(parts[0].bits, 1, 1, colour=False)
        luma, chroma = parts[0], parts[1]
        columns, lines = -(-luma.width // chroma.width), -(-luma.height // chroma.height)
        return cls(luma.bits, columns, lines, colour=True) if columns in FORMATS else None


@dataclass(frozen=True)
class _Plane:
    """What is read of a plane: lines, or three parts of them to one of the others; columns from `first` on."""

    lines: Places
    others: Places | None
    first: int
    width: int


class LineReader:
    """Reads the same lines, and the columns around the looked-at ones, out of frames of one layout and size.

    `frame` is the small frame, used again for each; its columns start at the frame's `first`.
    """

    def __init__(self, layout: Layout, lines: Places, columns: Places, width: int) -> None:
        self._layout = layout
        self._type = np.dtype("<u2" if layout.bits > 8 else "u1")
        # Four samples and a rounding fit into 16 bits, if they have no more than 13.
        self._sums = np.dtype(np.uint16 if layout.bits <= 13 else np.uint32)
        shared = layout.chroma_columns
        self.first = int(columns.min()) // COLUMNS_AT_A_TIME * COLUMNS_AT_A_TIME
        behind = -(-(int(columns.max()) + 1) // COLUMNS_AT_A_TIME) * COLUMNS_AT_A_TIME
        kept = min(behind, width) - self.first
        self.frame = VideoFrame(kept, len(lines), FORMATS[shared] if layout.colour else GREY)
        self._luma = _Plane(lines, None, self.first, kept)
        chroma, others = lines // layout.chroma_lines, None
        if layout.bits > 8 and layout.chroma_lines == 2:
            # With more than 8 bits swscale interpolates between lines of chroma; the nearer one counts three times.
            others = chroma + np.where(lines % 2, 1, -1)
        self._chroma = _Plane(chroma, others, self.first // shared, -(-kept // shared))

    def read(self, frame: VideoFrame) -> None:
        """Fill the small frame."""
        self._copy(frame.planes[0], self.frame.planes[0], self._luma)
        if self._layout.colour:
            self._copy(frame.planes[1], self.frame.planes[1], self._chroma)
            self._copy(frame.planes[2], self.frame.planes[2], self._chroma)

    def _copy(self, source: VideoPlane, target: VideoPlane, plane: _Plane) -> None:
        stored = np.frombuffer(memoryview(source), self._type).reshape(-1, source.line_size // self._type.itemsize)
        small = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
        columns = slice(plane.first, plane.first + plane.width)
        # "clip": a line above the first is the first.
        found: npt.NDArray[Any] = stored.take(plane.lines, axis=0, mode="clip")[:, columns]
        if self._layout.bits > 8:
            shift, found = self._layout.bits - 8, found.astype(self._sums)
            if plane.others is not None:
                shift, found = shift + 2, found * 3 + stored.take(plane.others, axis=0, mode="clip")[:, columns]
            found += 1 << shift >> 1
            found >>= shift
            np.minimum(found, 255, out=found)
        small[:, : plane.width] = found
