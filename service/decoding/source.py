"""An open video file: one container, one video stream. Runs in the decode child only: it meets untrusted bytes.

FFmpeg reads through an open file, never a path: it can open nothing else, and the container and codecs are named to it.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import av
import av.audio.codeccontext
import av.audio.stream
import av.subtitles.codeccontext
import av.subtitles.stream  # PyAV imports these when it meets such a stream: too late for a confined process
from av.container import InputContainer
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from .errors import DecodeError
from .formats import CODECS, CONTAINERS, DECODERS, DEMUXERS, HEAD_BYTES, container_of, describe

# After damage more may follow; this many failures in a row are the end.
ATTEMPTS = 64
MAX_SECONDS = 1e9
# Each thread holds a frame: of large ones with 10 bits, more threads than this would not fit into a decoder's memory.
LARGE_FRAME_PIXELS, LARGE_FRAME_THREADS = 1920 * 1088, 4
NOT_A_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails


class Source:
    """Packets of a file's video stream, from its start. Raises DecodeError when there is none that is supported."""

    def __init__(self, file: BinaryIO, max_frame_pixels: int, threads: int) -> None:
        self._container = _open(file, max_frame_pixels)
        self.stream = _choose(self._container)
        self.stream.thread_type = "AUTO"
        large = self.stream.width * self.stream.height > LARGE_FRAME_PIXELS
        self.stream.codec_context.thread_count = min(threads, LARGE_FRAME_THREADS) if large else threads
        for other in self._container.streams:
            if other is not self.stream:
                other.discard = Discard.all
        if "enc_key_id" in self.stream.metadata:  # how the Matroska demuxer says that a track is encrypted
            raise _encrypted()

    @property
    def codec(self) -> str:
        """Our name of the stream's codec."""
        return CODECS[self.stream.codec.canonical_name]

    def packets(self) -> "Iterator[Packet[VideoStream] | None]":
        """Every packet of the stream in the file's order, empty ones last, to flush the decoder.

        None stands for a place that could not be read. Raises DecodeError when the video is encrypted.
        """
        failures = 0
        while failures < ATTEMPTS:
            try:
                for packet in self._container.demux(self.stream):
                    failures = 0
                    if packet.has_sidedata("encryption_info"):
                        raise _encrypted()
                    yield packet
                return
            except EndOfFile:
                return
            except FFmpegError:
                failures += 1
                yield None


def _open(file: BinaryIO, max_frame_pixels: int) -> InputContainer:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise DecodeError("undecodable", "the file is empty")
    demuxer = container_of(head)
    if demuxer is None:
        raise DecodeError("unsupported", f"this is {describe(head)}; {CONTAINERS} are supported")
    options = {
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(DECODERS),
        "protocol_whitelist": "none",
        # Looking for the streams decodes a frame where the container says too little of them.
        "max_pixels": str(max_frame_pixels),
    }
    try:
        return av.open(file, "r", format=demuxer, options=options)
    except (FFmpegError, ValueError) as error:
        if isinstance(error, MemoryError):
            raise
        raise DecodeError("undecodable", "the container holds no video stream that can be opened") from error


def _choose(container: InputContainer) -> VideoStream:
    """The stream with the most frames, then the default one, then the largest."""
    videos = [each for each in container.streams.video if not each.disposition & NOT_A_VIDEO]
    if not videos:
        raise DecodeError("undecodable", "the container holds no video stream that can be opened")
    supported = [each for each in videos if each.codec_context and each.codec.canonical_name in CODECS]
    if not supported:
        raise DecodeError("unsupported", f"{_codec_of(videos[0])} is not one of {', '.join(CODECS.values())}")
    return max(supported, key=_rank)


def _codec_of(stream: VideoStream) -> str:
    if stream.codec_context is None:
        return "the video's codec"
    return f"codec {stream.codec.canonical_name!r}"


def _rank(stream: VideoStream) -> tuple[int, bool, int]:
    return (frames_claimed(stream), bool(stream.disposition & Disposition.default), stream.width * stream.height)


def frames_claimed(stream: VideoStream) -> int:
    """About how many frames the container says the stream has; 0 if it does not."""
    if stream.frames:
        return stream.frames
    seconds = _seconds(stream)
    return round(seconds * float(stream.average_rate)) if seconds < MAX_SECONDS and stream.average_rate else 0


def _seconds(stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska has it in a tag, as hours:minutes:seconds.
    with suppress(KeyError, ValueError):
        hours, minutes, seconds = map(float, stream.metadata["DURATION"].split(":"))
        return hours * 3600 + minutes * 60 + seconds
    return 0.0


def _encrypted() -> DecodeError:
    return DecodeError("undecodable", "the video is encrypted")
