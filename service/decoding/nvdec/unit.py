"""A decoder of NVDEC with what it needs beside: a CUDA stream, and room for crops. One thread uses it at a time."""

from dataclasses import astuple
from typing import Any

import numpy as np
import PyNvVideoCodec
from pycuda import driver

from ..pixels.grid import Axis, Grid
from . import complaints
from .colours import Colours
from .errors import NvdecError
from .gpu import Gpu
from .kernel import THREADS
from .wire import NUMBER, Codec, Data, Stream

# Crops that wait on the GPU to be copied together.
ROOM = 64


class DecoderUnit:
    """Decodes videos of one codec, one after the other, each at most `size` wide and high."""

    def __init__(self, gpu: Gpu, codec: Codec, bits: int, size: int) -> None:
        self.kind = (codec, bits)
        self.size = size
        self._gpu = gpu
        self._cuda = driver.Stream()
        self._decoder = gpu.decoder(codec, bits, self._cuda, size)
        self._crops: Any = None
        self._host: Any = ()
        self._begun = False

    def begin(self, stream: Stream, grid: Grid) -> None:
        """The next video. Raises NvdecError."""
        if self._begun:
            # Without it the first frames of the next would keep the shape of this.
            self._decoder.setReconfigParams(stream.width, stream.height)
        self._begun = True
        self._stream, self._colours = stream, astuple(Colours.of(stream))
        self._lines, self._columns = _on_gpu(grid.lines), _on_gpu(grid.columns)
        self._size = len(grid.lines.weights), len(grid.columns.weights)
        self._crop_bytes = self._size[0] * self._size[1] * 3
        if len(self._host) != ROOM * self._crop_bytes:
            self._crops = _allocate(ROOM * self._crop_bytes)
            self._host = driver.pagelocked_empty(ROOM * self._crop_bytes, np.uint8)
        self._waiting = self._sent = 0
        self._held: int | None = None
        self._numbers: list[int] = []
        self._done: list[bytes] = []

    @property
    def gave_frames(self) -> bool:
        """Whether there was one of the video that was begun last."""
        return self._held is not None

    def decode(self, number: int, data: Data) -> None:
        """A packet, which must stay as it is until this returns; empty: the video is over. Raises NvdecError."""
        packet = PyNvVideoCodec.PacketData()
        packet.bsl_data, packet.bsl, packet.pts = data.ctypes.data if len(data) else 0, len(data), number
        before = complaints.count()
        try:
            frames = self._decoder.Decode(packet)
        except Exception as error:  # it has several kinds, none of them documented
            driver.Context.synchronize()  # raises driver.Error if the GPU is in no state to go on
            raise NvdecError("damaged", " ".join(str(error).split()) or type(error).__name__) from error
        if complaints.count() != before:
            # Perhaps of another thread's decoder: which one's, nobody says.
            raise NvdecError("damaged", "NVDEC reports damage")
        self._sent += 1
        if frames and self._held is None:
            self._held = self._sent - 1
        for frame in frames:
            self._crop(frame)

    def _crop(self, frame: Any) -> None:
        """Make a frame's crop, in the decoder's CUDA stream: before it uses the frame's memory again."""
        stream = self._stream
        size = (self._decoder.GetWidth(), self._decoder.GetHeight())
        kind = PyNvVideoCodec.Pixel_Format.NV12 if stream.bits == 8 else PyNvVideoCodec.Pixel_Format.P016
        luma, chroma = frame.GetPtrToPlane(0), frame.GetPtrToPlane(1)
        pitch, wide = (chroma - luma) // stream.height, 1 if stream.bits == 8 else 2
        # The kernel reads as much memory as this says there is.
        if size != (stream.width, stream.height) or frame.format != kind or pitch != stream.width * wide:
            raise NvdecError("damaged", f"a frame of {size[0]} x {size[1]}, {frame.format}")
        if self._waiting == ROOM:
            self._fetch()
        lines, columns = self._size
        self._gpu.kernel.prepared_async_call(
            (-(-columns // THREADS[0]), -(-lines // THREADS[1])),
            THREADS,
            self._cuda,
            luma,
            chroma,
            stream.width,
            -(-stream.height // 2),
            stream.bits,
            int(self._lines),
            lines,
            int(self._columns),
            columns,
            *self._colours,
            int(self._crops) + self._waiting * self._crop_bytes,
        )
        self._waiting += 1
        self._numbers.append(frame.getPTS())

    def _fetch(self) -> None:
        if self._waiting:
            found = self._host[: self._waiting * self._crop_bytes]
            driver.memcpy_dtoh_async(found, self._crops, self._cuda)
            self._cuda.synchronize()
            self._done.append(found.tobytes())
            self._waiting = 0

    def take(self) -> tuple[bytes, int, list[bytes]]:
        """The frames since it was asked last: their packets' numbers, how many were held back when the video's first
        came, and their crops. Raises driver.Error."""
        self._fetch()
        numbers, crops = np.array(self._numbers, NUMBER).tobytes(), self._done
        self._numbers, self._done = [], []
        return numbers, self._held or 0, crops


def _on_gpu(axis: Axis) -> Any:
    """What `crop` takes as `lines` or `columns`."""
    table = np.column_stack([*axis.places, axis.weights]).astype(np.int32)
    memory = _allocate(table.nbytes)
    driver.memcpy_htod(memory, table)
    return memory


def _allocate(size: int) -> Any:
    try:
        return driver.mem_alloc(size)
    except driver.MemoryError as error:
        raise NvdecError("lost", "there is no GPU memory left") from error
