"""PyNvVideoCodec as decoding uses it, by FFmpeg.

A decoder that is given a new video without being told of its size goes on with the old one, as the real one does, and
one that two threads use at a time, or one without the context, fails.
"""

import ctypes
import os
import threading
import time
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from .cuda import PRIMARY, Machine, Stream

CodecId = IntEnum("CodecId", {"MPEG2": 1, "H264": 4, "HEVC": 8})
Chroma = IntEnum("Chroma", {"420": 1})
Format = IntEnum("Format", {"NV12": 3, "P016": 5})
UNITS, LARGEST, SMALLEST = 2, 4096, 48

# Videos of these widths make the decoder misbehave.
FAULT, HANG, GIVES_NOTHING, WRONG, ENDS, COMPLAINS = 322, 324, 326, 328, 330, 332


class UnsupportedError(Exception):
    """PyNvVideoCodec's error."""


class PacketData:
    """Some packets, one after the other."""

    def __init__(self) -> None:
        self.bsl_data = self.bsl = 0


class DecodedFrame:
    """A frame in the decoder's own memory."""

    def __init__(self, address: int, luma_bytes: int, pixels: Format) -> None:
        self._planes = (address, address + luma_bytes)
        self.format = pixels

    def GetPtrToPlane(self, plane: int) -> int:  # noqa: N802
        return self._planes[plane]


class Decoder:
    """A decoder that works in a stream; its frames' memory is used again by the next `Decode`."""

    def __init__(self, machine: Machine, name: str, stream: Stream, largest: tuple[int, int]) -> None:
        self._machine, self._name, self._stream, self._largest = machine, name, stream, largest
        self._context = cast(av.VideoCodecContext, av.CodecContext.create(name, "r"))
        self._context.thread_count = 1
        self._busy = threading.Lock()
        self._size: tuple[int, int] | None = None
        self._announced: tuple[int, int] | None = None
        self._bits = 0
        self._memory: list[int] = []

    def setReconfigParams(self, width: int, height: int) -> int:  # noqa: N802
        assert self._size is not None, "nothing was decoded yet"
        self._announced = (width, height)
        self._free()
        return 1

    def _free(self) -> None:
        for address in self._memory:
            self._machine.memory.pop(address)
        self._memory = []

    __del__ = _free

    def GetWidth(self) -> int:  # noqa: N802
        return self._size[0] if self._size else 0

    def GetHeight(self) -> int:  # noqa: N802
        return self._size[1] if self._size else 0

    def Decode(self, packet: PacketData) -> list[DecodedFrame]:  # noqa: N802
        assert self._busy.acquire(blocking=False), "two threads use one decoder"
        try:
            self._machine.check_health()
            frames = self._decode(packet)
            if frames and frames[0].width == GIVES_NOTHING and packet.bsl % 3 == 0:
                frames = frames[1:]
            return [self._store(number, frame) for number, frame in enumerate(frames)]
        finally:
            self._stream.synchronize()
            self._busy.release()

    def _decode(self, packet: PacketData) -> list[av.VideoFrame]:
        if not packet.bsl:
            frames = self._context.decode(None)
            self._context.flush_buffers()
            return frames
        parser = av.CodecContext.create(self._name, "r")
        given = [*parser.parse(ctypes.string_at(packet.bsl_data, packet.bsl)), *parser.parse(None)]
        try:
            return [frame for each in given for frame in self._context.decode(each)]
        except FFmpegError as error:
            raise UnsupportedError(f"HandlePictureDecode : {error}") from error

    def _store(self, number: int, frame: av.VideoFrame) -> DecodedFrame:
        if frame.is_corrupt or frame.width == COMPLAINS:
            os.write(1, b"Decode Error occurred for picture 1\n")
        self._misbehave(frame.width)
        pixels = nv12_of(frame) ^ (0x40 if frame.width == WRONG else 0)
        self._adapt((frame.width, frame.height), pixels.itemsize)
        assert self._size is not None
        width, height = self._size
        if (width, height) != (frame.width, frame.height):  # squeezed into the old shape
            pixels = np.resize(pixels, (height + -(-height // 2), width))
        while number >= len(self._memory):
            self._memory.append(self._machine.allocate(pixels.nbytes))
        address = self._memory[number]

        def write() -> None:
            self._machine.bytes_at(address, pixels.nbytes)[:] = pixels.reshape(-1).view(np.uint8)

        self._stream.add(write)
        kind = Format.NV12 if pixels.itemsize == 1 else Format.P016
        return DecodedFrame(address, width * height * pixels.itemsize, kind)

    def _adapt(self, size: tuple[int, int], itemsize: int) -> None:
        """What the real one does when a sequence begins."""
        if size[0] > self._largest[0] or size[1] > self._largest[1]:
            raise UnsupportedError("Reconfigure Not supported when width/height > maxwidth/maxheight")
        if self._size is not None and self._bits != itemsize:
            raise UnsupportedError("Reconfigure Not supported for bit depth change")
        self._bits = itemsize
        if self._size is None or self._announced is not None:
            self._size, self._announced = self._announced or size, None

    def _misbehave(self, width: int) -> None:
        if width == FAULT:
            self._machine.failed = True
            raise UnsupportedError("cuvidMapVideoFrame returned error 719")
        if width == HANG:
            time.sleep(3600)
        if width == ENDS:
            os.abort()


def nv12_of(frame: av.VideoFrame) -> npt.NDArray[Any]:
    """Luma and, below it, chroma, Cb and Cr in turn, [H + H / 2, W]; 10 bits in the upper ones of 16."""
    wide = frame.format.name.endswith("10le")
    dtype = np.dtype("<u2" if wide else "u1")
    planes = [
        np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)[:, : plane.width]
        for plane in frame.planes
    ]
    luma = planes[0][: frame.height]
    chroma = np.stack([plane[: -(-frame.height // 2)] for plane in planes[1:3]], axis=-1).reshape(-1, frame.width)
    return np.ascontiguousarray(np.concatenate([luma, chroma]) << (6 if wide else 0))


def py_nv_video_codec(machine: Machine) -> ModuleType:
    """The module `PyNvVideoCodec`."""
    module = ModuleType("PyNvVideoCodec")

    def create(**options: Any) -> Decoder:
        machine.check_current()
        assert options["usedevicememory"]
        assert options["cudacontext"] == PRIMARY
        largest = (options["maxwidth"], options["maxheight"])
        assert max(largest) <= LARGEST
        return Decoder(machine, CodecId(options["codec"]).name.lower(), machine.streams[options["cudastream"]], largest)

    def caps(gpu: int, codec: CodecId, chroma: Chroma, bits: int) -> dict[str, int]:
        there = bits == 8 or codec == CodecId.HEVC
        return {
            "num_decoder_engines": UNITS if there else 0,
            "width_min": SMALLEST,
            "height_min": SMALLEST,
            "width_max": LARGEST,
            "height_max": LARGEST,
            "mb_num_max": (LARGEST // 16) ** 2,
        }

    vars(module).update(
        cudaVideoCodec=CodecId,
        cudaVideoChromaFormat=Chroma,
        Pixel_Format=Format,
        PacketData=PacketData,
        GetDecoderCaps=caps,
        CreateDecoder=create,
        loaded=SimpleNamespace(),
    )
    return module
