"""A decoder of NVDEC with what it needs beside: a CUDA stream, and room for crops. One thread uses it at a time."""

from collections.abc import Sequence
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
from .kernel import FRAMES, THREADS
from .wire import Codec, Data, Stream

# Crops that wait on the GPU to be copied together.
ROOM = 64
# Packets that are given to the decoder together: each call takes Python's lock and a launch of the kernel. The decoder
# keeps memory for the frames of as many.
PACKETS_AT_ONCE, FRAME_BYTES_AT_ONCE = 8, 32 << 20
NOTHING = np.empty(0, np.uint8)


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
        self._luma_bytes = stream.width * stream.height * (1 if stream.bits == 8 else 2)
        self._lines, self._columns = _on_gpu(grid.lines), _on_gpu(grid.columns)
        self._size = len(grid.lines.weights), len(grid.columns.weights)
        self._crop_bytes = self._size[0] * self._size[1] * 3
        if len(self._host) != ROOM * self._crop_bytes:
            self._crops = _allocate(ROOM * self._crop_bytes)
            self._host = driver.pagelocked_empty(ROOM * self._crop_bytes, np.uint8)
        self._waiting = self._sent = 0
        self._held: int | None = None
        self._done: list[Data] = []

    @property
    def gave_frames(self) -> bool:
        """Whether there was one of the video that was begun last."""
        return self._held is not None

    def decode(self, sizes: Sequence[int], data: Data) -> None:
        """Packets of such sizes, one after the other in `data`, which must stay as it is until this returns. Raises
        NvdecError."""
        first = start = 0
        while first < len(sizes):
            some = sizes[first : first + self._at_once]
            end = start + sum(some)
            self._give(data[start:end], len(some))
            first, start = first + len(some), end

    def finish(self) -> None:
        """The video is over. Raises NvdecError."""
        self._give(NOTHING, 0)

    @property
    def _at_once(self) -> int:
        """One until a frame has come: it tells how many are held back."""
        room = FRAME_BYTES_AT_ONCE // (self._luma_bytes * 3 // 2)
        return max(1, min(PACKETS_AT_ONCE, room)) if self.gave_frames else 1

    def _give(self, data: Data, packets: int) -> None:
        packet = PyNvVideoCodec.PacketData()
        packet.bsl_data, packet.bsl = data.ctypes.data if len(data) else 0, len(data)
        before = complaints.count()
        try:
            frames = self._decoder.Decode(packet)
        except Exception as error:  # it has several kinds, none of them documented
            driver.Context.synchronize()  # raises driver.Error if the GPU is in no state to go on
            raise NvdecError("damaged", " ".join(str(error).split()) or type(error).__name__) from error
        if complaints.count() != before:
            # Perhaps of another thread's decoder: which one's, nobody says.
            raise NvdecError("damaged", "NVDEC reports damage")
        self._sent += packets
        if frames and self._held is None:
            self._held = max(self._sent - 1, 0)
        for first in range(0, len(frames), FRAMES):
            self._crop(frames[first : first + FRAMES])

    def _crop(self, frames: Sequence[Any]) -> None:
        """Make frames' crops, in the decoder's CUDA stream: before it uses their memory again."""
        places = self._places(frames)
        if self._waiting + len(frames) > ROOM:
            self._fetch()
        lines, columns = self._size
        self._gpu.kernel.prepared_async_call(
            (-(-columns // THREADS[0]), -(-lines // THREADS[1]), len(frames)),
            THREADS,
            self._cuda,
            *places,
            *(0,) * (FRAMES - len(places)),
            self._stream.width,
            self._stream.height,
            self._stream.bits,
            int(self._lines),
            lines,
            int(self._columns),
            columns,
            *self._colours,
            int(self._crops) + self._waiting * self._crop_bytes,
        )
        self._waiting += len(frames)

    def _places(self, frames: Sequence[Any]) -> list[int]:
        """Where each frame's luma is. The kernel reads as much memory as the stream's size says: so the decoder must
        have that size now, and the child sees to it that it never changes in a video. Raises NvdecError."""
        size = (self._decoder.GetWidth(), self._decoder.GetHeight())
        if size != (self._stream.width, self._stream.height):
            raise NvdecError("damaged", f"frames of {size[0]} x {size[1]}")
        kind = PyNvVideoCodec.Pixel_Format.NV12 if self._stream.bits == 8 else PyNvVideoCodec.Pixel_Format.P016
        places = []
        for frame in frames:
            luma, chroma = frame.GetPtrToPlane(0), frame.GetPtrToPlane(1)
            if frame.format != kind or chroma - luma != self._luma_bytes:
                raise NvdecError("damaged", f"a frame of another shape, {frame.format}")
            places.append(luma)
        return places

    def _fetch(self) -> None:
        if self._waiting:
            found = self._host[: self._waiting * self._crop_bytes]
            driver.memcpy_dtoh_async(found, self._crops, self._cuda)
            self._cuda.synchronize()
            self._done.append(found.copy())
            self._waiting = 0

    def take(self) -> tuple[int, int, list[Data]]:
        """The frames since it was asked last, in the order in which they are shown: how many, how many were held back
        when the video's first came, and their crops. Raises driver.Error."""
        self._fetch()
        crops, self._done = self._done, []
        return sum(map(len, crops)) // self._crop_bytes, self._held or 0, crops


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
