"""A video file to frames by NVDEC. Runs in the decode child only: it meets untrusted bytes.

FFmpeg decodes the first frame here: it tells what the video is, as it does where the CPU decodes, and NVDEC's must
equal it. Frames must come one for each packet, in the order of their times. Anything else ends in an NvdecError, before
a frame that is in doubt has become part of a clip.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import BinaryIO

import numpy as np
from av import VideoFrame
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace

from ..clock import timed
from ..frames import Frame
from ..limits import Limits
from ..messages import Job
from ..pixels.conversion import Conversion, colours_of
from ..pixels.crop import upright
from ..pixels.grid import Grid, Picture
from ..source import Source, frames_claimed
from ..video import opened_as, rate_of_stream
from .errors import NvdecError
from .link import Link
from .order import Order
from .packets import Coded, Packets
from .sequence import CHROMA_420, Sequence
from .wire import Stream

BITS = {"yuv420p": 8, "yuvj420p": 8, "yuv420p10le": 10}
# swscale rounds differently on other processors than x86-64; a wrong picture differs by far more.
MAX_LEVELS_APART = 2


@dataclass(frozen=True)
class _Shown:
    """A decoded frame that is shown: its time, and its crop as it is stored."""

    pts: int
    duration: int
    time_base: Fraction
    stored: Picture


class NvdecVideo:
    """An open video file, decoded by NVDEC. Raises DecodeError as `Video` does, and NvdecError."""

    def __init__(self, job: Job, file: BinaryIO, link: Link) -> None:
        """`file` is read, and closed by its owner."""
        self._limits = Limits(job)
        self._link = link
        self._source = Source(file, job.max_frame_pixels, threads=1)
        stream = self._source.stream
        self._limits.check_size(stream.width, stream.height)
        rate = rate_of_stream(self._source)
        if rate is None:
            raise NvdecError("unsupported", "its frame rate is not known")
        self._packets = Packets(self._source)
        first = self._first = self._decode_first()
        self._stream = _stream_of(first, self._packets)
        self._grid = Grid.of(first.width, first.height, first.rotation, job.crop)
        self.frames_decoded = 0
        self.partial = False
        self.seconds = 0.0
        self.opened = opened_as(job, self._source, first, rate)

    def _decode_first(self) -> VideoFrame:
        """The first frame, by FFmpeg, of the first packet alone."""
        packet, context = self._packets.first, self._source.stream.codec_context
        try:
            frames = [] if packet is None else [*packet.decode(), *context.decode(None)]
        except MemoryError:
            raise
        except FFmpegError:
            frames = []
        if not frames or frames[0].is_corrupt:
            raise NvdecError("damaged", "its first frame is damaged")
        self._limits.check_size(frames[0].width, frames[0].height)
        return frames[0]

    @property
    def frames_claimed(self) -> int:
        """About how many frames the container says there are; 0 if it does not."""
        return frames_claimed(self._source.stream)

    def frames(self) -> Iterator[Frame]:
        """Every frame, given when the next is decoded, which tells when it ends. Raises DecodeError, NvdecError."""
        for index, shown, seconds, ends in timed(self._shown(), self.opened.frame_rate):
            self.seconds = ends
            yield Frame(index, seconds, ends, partial(self._upright, shown.stored))

    def _upright(self, stored: Picture) -> Picture:
        return upright(stored, self._grid.turned, self._first.color_trc)

    def _shown(self) -> Iterator[_Shown]:
        for index, (coded, stored) in enumerate(self._decoded(Order())):
            if index == 0:
                self._check_first(coded, stored)
            if coded.dropped:
                continue
            self._limits.check_frame(self.frames_decoded, self._stream.width, self._stream.height)
            self.frames_decoded += 1
            yield _Shown(coded.pts, coded.duration, coded.time_base, stored)

    def _decoded(self, order: Order) -> Iterator[tuple[Coded, Picture]]:
        """Packets and their frames' crops, in the order in which they are shown. The next packets are read while NVDEC
        decodes."""
        self._link.begin(self._stream, *self._grid.lines.weights.shape, *self._grid.columns.weights.shape)
        batches = self._packets.batches()
        batch = next(batches, None)
        while batch is not None:
            order.sent(batch)
            self._link.send([coded.data for coded in batch])
            batch = next(batches, None)
            stored = self._link.receive()
            yield from zip(order.take(len(stored), self._link.held), stored, strict=True)
        self._link.finish()
        stored = self._link.receive()
        yield from zip(order.rest(len(stored)), stored, strict=True)

    def _check_first(self, coded: Coded, stored: Picture) -> None:
        same_time = self._first.pts in (None, coded.pts)
        apart = np.abs(stored.astype(np.int16) - self._expected).max()
        if not same_time or apart > MAX_LEVELS_APART:
            raise NvdecError("damaged", f"NVDEC's first frame is another than FFmpeg's, {apart} levels apart")

    @cached_property
    def _expected(self) -> Picture:
        return Conversion(self._first, self._grid).convert(self._first)


def _stream_of(first: VideoFrame, packets: Packets) -> Stream:
    """What NVDEC's process is told. Raises NvdecError for what it cannot be asked for."""
    bits = BITS.get(first.format.name)
    if bits is None:
        raise NvdecError("unsupported", f"pixels {first.format.name}")
    sequence: Sequence = packets.begin(first.width * first.height * 3 // 2 * (1 if bits == 8 else 2))
    if first.interlaced_frame or not sequence.progressive:
        raise NvdecError("unsupported", "it is interlaced")
    if sequence.chroma != CHROMA_420:
        raise NvdecError("unsupported", "its chroma is not 4:2:0")
    if sequence.left or sequence.top or first.width % 2:
        raise NvdecError("unsupported", "its pictures are cut off at the left or the top, or have an odd width")
    matrix, levels = colours_of(first)
    return Stream(
        codec=packets.codec,
        bits=8 if bits == 8 else 10,
        width=first.width,
        height=first.height,
        turns=round(first.rotation / 90) % 4,
        wide=matrix == Colorspace.BT2020,
        full_range=levels == ColorRange.JPEG,
    )
