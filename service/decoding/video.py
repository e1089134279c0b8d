"""A video file to frames. Runs in the decode child only: it meets untrusted bytes.

Containers lie about the number of frames, so frames are counted as they come.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice, pairwise
from statistics import median
from typing import BinaryIO

from av import VideoFrame
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from .clock import stamp_of, timed
from .errors import DecodeError
from .frames import Frame
from .limits import Limits
from .messages import Job, Opened
from .pixels.crop import Cropper
from .source import Source, frames_claimed

# FFmpeg's own assumption for streams that do not say.
USUAL_FRAME_RATE = 25.0
# Cameras go up to 240; more is a container's clock, and the rate is worked out from the first frames.
MAX_FRAME_RATE = 240.0
FRAMES_FOR_RATE = 6


class Video:
    """An open video file. Raises DecodeError when it is none, or one that is not supported."""

    def __init__(self, job: Job, file: BinaryIO) -> None:
        """`file` is read, and closed by its owner."""
        self._job = job
        self._limits = Limits(job)
        self._source = Source(file, job.max_frame_pixels, job.threads)
        self._limits.check_size(self._source.stream.width, self._source.stream.height)
        self._cropper = Cropper(job.crop)
        self.frames_decoded = 0
        self.partial = False
        self.seconds = 0.0
        self.opened, self._decoded = self._begin()

    def _begin(self) -> tuple[Opened, Iterator[VideoFrame]]:
        """What the video is, and its frames; the first are decoded for it."""
        decoded = self._decode()
        rate = rate_of_stream(self._source)
        first = list(islice(decoded, FRAMES_FOR_RATE if rate is None else 1))
        if not first:
            raise DecodeError("undecodable", "no frame could be decoded")
        rate = _rate_of_frames(first) if rate is None else rate
        return opened_as(self._job, self._source, first[0], rate), chain(first, decoded)

    def _decode(self) -> Iterator[VideoFrame]:
        """Every frame that can be decoded, in order. Raises DecodeError past the limits."""
        for packet in self._source.packets():
            for frame in self._decode_packet(packet):
                self._limits.check_frame(self.frames_decoded, frame.width, frame.height)
                self.frames_decoded += 1
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

    @property
    def frames_claimed(self) -> int:
        """About how many frames the container says there are; 0 if it does not."""
        return frames_claimed(self._source.stream)

    def frames(self) -> Iterator[Frame]:
        """Every frame, each given when the next is decoded, which tells when it ends. Raises DecodeError."""
        for index, decoded, seconds, ends in timed(self._decoded, self.opened.frame_rate):
            self.seconds = ends
            yield Frame(index, seconds, ends, partial(self._cropper.crop, decoded))


def rate_of_stream(source: Source) -> float | None:
    """Frames a second as the container has it; None if that is not to be believed."""
    rate = float(source.stream.guessed_rate or 0)
    return rate if 0 < rate <= MAX_FRAME_RATE and (source.stream.average_rate or 0) <= MAX_FRAME_RATE else None


def opened_as(job: Job, source: Source, first: VideoFrame, rate: float) -> Opened:
    """What the video is, by its first frame."""
    size = (first.width, first.height)
    width, height = size[::-1] if round(first.rotation / 90) % 2 else size
    claimed = frames_claimed(source.stream)
    frames = claimed if job.end is None else min(claimed, round(job.end * rate))
    frames = min(max(0, frames), job.max_frames)
    return Opened(codec=source.codec, width=width, height=height, frame_rate=rate, frames=frames)


def _rate_of_frames(frames: list[VideoFrame]) -> float:
    stamps = [stamp for frame in frames if (stamp := stamp_of(frame)) is not None]
    steps = [later - earlier for earlier, later in pairwise(stamps) if later > earlier]
    return min(1 / median(steps), MAX_FRAME_RATE) if steps else USUAL_FRAME_RATE
