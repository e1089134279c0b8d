"""A video file to frames. Runs in the decode child only: it meets untrusted bytes.

Containers lie about the number of frames, so frames are counted as they come.
"""

import time
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice, pairwise
from statistics import median
from typing import BinaryIO

from av import VideoFrame
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from .errors import DecodeError
from .frames import Frame
from .messages import Job, Opened
from .pixels.crop import Cropper
from .pixels.grid import CropFormat
from .source import Source, frames_claimed

# FFmpeg's own assumption for streams that do not say.
USUAL_FRAME_RATE = 25.0
# Cameras go up to 240; more is a container's clock, and the rate is worked out from the first frames.
MAX_FRAME_RATE = 240.0
FRAMES_FOR_RATE = 6
MAX_SECONDS = 1e9


class Video:
    """An open video file. Raises DecodeError when it is none, or one that is not supported."""

    def __init__(self, job: Job, file: BinaryIO) -> None:
        """`file` is read, and closed by its owner."""
        self._job = job
        self._deadline = time.process_time() + job.seconds
        self._source = Source(file, job.max_frame_pixels, job.threads)
        self._check_size(self._source.stream.width, self._source.stream.height)
        self._cropper = Cropper(
            CropFormat(job.resize_height, job.resize_width, job.top, job.left, job.height, job.width)
        )
        self.frames_decoded = 0
        self.partial = False
        self.seconds = 0.0
        self.opened, self._decoded = self._begin()

    def _begin(self) -> tuple[Opened, Iterator[VideoFrame]]:
        """What the video is, and its frames; the first are decoded for it."""
        decoded = self._decode()
        rate = float(self._source.stream.guessed_rate or 0)
        known = 0 < rate <= MAX_FRAME_RATE and (self._source.stream.average_rate or 0) <= MAX_FRAME_RATE
        first = list(islice(decoded, 1 if known else FRAMES_FOR_RATE))
        if not first:
            raise DecodeError("undecodable", "no frame could be decoded")
        size = (first[0].width, first[0].height)
        width, height = size[::-1] if round(first[0].rotation / 90) % 2 else size
        rate = rate if known else _rate_of(first)
        frames = self._to_decode(rate)
        opened = Opened(codec=self._source.codec, width=width, height=height, frame_rate=rate, frames=frames)
        return opened, chain(first, decoded)

    def _to_decode(self, rate: float) -> int:
        """About how many frames: those of the container, as far as the job goes; 0 if it does not say."""
        end = self._job.end
        frames = self.frames_claimed if end is None else min(self.frames_claimed, round(end * rate))
        return min(max(0, frames), self._job.max_frames)

    def _decode(self) -> Iterator[VideoFrame]:
        """Every frame that can be decoded, in order. Raises DecodeError past the limits."""
        for packet in self._source.packets():
            for frame in self._decode_packet(packet):
                self._check(frame)
                self.partial = self.partial or frame.is_corrupt
                yield frame

    def _decode_packet(self, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
        """The frames that a packet completes; none, and `partial`, where it is damaged."""
        self.partial = self.partial or packet is None or packet.is_corrupt
        try:
            return [] if packet is None else packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            self.partial = True
            return []

    def _check(self, frame: VideoFrame) -> None:
        if self.frames_decoded >= self._job.max_frames:
            raise DecodeError("too-long", f"more than {self._job.max_frames} frames")
        # Its own time: waiting for a decode slot or the network is not the video's fault.
        if time.process_time() > self._deadline:
            raise DecodeError("time", f"took too long: not decoded within {self._job.seconds:g} s of processor time")
        self._check_size(frame.width, frame.height)
        self.frames_decoded += 1

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._job.max_frame_pixels:
            raise DecodeError(
                "frames-too-large",
                f"frames of {width} x {height} pixels; at most {self._job.max_frame_pixels} pixels are accepted",
            )

    @property
    def frames_claimed(self) -> int:
        """About how many frames the container says there are; 0 if it does not."""
        return frames_claimed(self._source.stream)

    def frames(self) -> Iterator[Frame]:
        """Every frame, each given when the next is decoded, which tells when it ends. Raises DecodeError."""
        clock = _Clock(self.opened.frame_rate)
        held: tuple[VideoFrame, float] | None = None
        for index, decoded in enumerate(self._decoded):
            began = clock.time_of(decoded)
            if held is not None:
                yield self._frame(index - 1, *held, began)
            held = (decoded, began)
        if held is not None:
            yield self._frame(self.frames_decoded - 1, *held, clock.end_of(held[0]))

    def _frame(self, index: int, decoded: VideoFrame, seconds: float, ends: float) -> Frame:
        self.seconds = ends
        return Frame(index, seconds, ends, partial(self._cropper.crop, decoded))


class _Clock:
    """Seconds from the first frame, by the container's time stamps; where they do not advance, by the frame rate."""

    def __init__(self, frame_rate: float) -> None:
        self._usual = 1 / frame_rate
        self._zero: float | None = None
        self._last = -self._usual

    def time_of(self, frame: VideoFrame) -> float:
        """When it begins; later than the frame before."""
        stamp = _stamp(frame)
        if stamp is not None and self._zero is None:
            self._zero = stamp - (self._last + self._usual)
        seconds = stamp - self._zero if stamp is not None and self._zero is not None else self._last + self._usual
        if not self._last < seconds < MAX_SECONDS:
            seconds = self._last + self._usual
        self._last = seconds
        return seconds

    def end_of(self, last: VideoFrame) -> float:
        """When the last frame ends."""
        duration = float(last.duration * last.time_base) if last.duration and last.time_base else 0.0
        # Much less than usual is a container's clock again.
        return self._last + (duration if self._usual / 2 < duration < MAX_SECONDS else self._usual)


def _stamp(frame: VideoFrame) -> float | None:
    """The frame's time stamp in seconds, if it has one; in AVI it has none."""
    return frame.time


def _rate_of(frames: list[VideoFrame]) -> float:
    stamps = [stamp for frame in frames if (stamp := _stamp(frame)) is not None]
    steps = [later - earlier for earlier, later in pairwise(stamps) if later > earlier]
    return min(1 / median(steps), MAX_FRAME_RATE) if steps else USUAL_FRAME_RATE
