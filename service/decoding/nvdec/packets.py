"""A video's packets as NVDEC takes them: in Annex B's form, in batches. Runs in the decode child only."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from ..source import Source
from .errors import NvdecError
from .sequence import Sequence, has_layers, parameter_sets, pictures_in, read_sequence
from .wire import MAX_BYTES, MAX_PACKETS, USUAL_BYTES, Codec

# NVDEC takes memory for all frames of what it is given at a time, eight packets; a small one may hold thousands, and
# perhaps each slice may begin one, whatever it says.
PACKET_FRAME_BYTES = 128 << 20
CODECS: dict[str, Codec] = {"h264": "h264", "hevc": "hevc"}


@dataclass(frozen=True)
class Coded:
    """A packet: its bytes, and what its frame will have; `dropped`: a frame that is not shown; `key`: one that begins
    anew."""

    data: bytes
    pts: int
    duration: int
    time_base: Fraction
    dropped: bool
    key: bool


class Packets:
    """The packets of a source's stream, from its first.

    Raises NvdecError, here and while they are read, for whatever leaves a doubt that each is a frame, decoded alike by
    FFmpeg and NVDEC: damage, a packet without a time, another sequence than the first.
    """

    def __init__(self, source: Source) -> None:
        if source.stream.codec.canonical_name not in CODECS:
            raise NvdecError("unsupported", f"codec {source.codec}")
        self.codec = CODECS[source.stream.codec.canonical_name]
        try:
            self._filter = BitStreamFilterContext(f"{self.codec}_mp4toannexb", source.stream)
        except FFmpegError as error:
            raise NvdecError("damaged", "the container's parameter sets are damaged") from error
        self._packets = source.packets()
        packet = self.first = self._next()
        if packet is None or not packet.is_keyframe or packet.is_discard:
            raise NvdecError("unsupported", "it does not begin with a key frame that is shown")

    def begin(self, frame_bytes: int) -> Sequence:
        """What kind of sequence it is, of decoded frames of that size. `first` is no longer its packet then."""
        self._most_slices = PACKET_FRAME_BYTES // frame_bytes
        assert self.first is not None  # noqa: S101
        self._first = self._coded(self.first)
        sets = set(parameter_sets(self.codec, self._first.data))
        if len(sets) != 1:
            raise NvdecError("unsupported", f"{len(sets)} sequence parameter sets")
        if self.codec == "hevc" and has_layers(self._first.data):
            raise NvdecError("unsupported", "it has several layers")
        [self._set] = sets
        return read_sequence(self.codec, self._set)

    def batches(self) -> Iterator[list[Coded]]:
        """Every packet, the first included; each list of one at least."""
        batch, size = [self._first], len(self._first.data)
        while (packet := self._next()) is not None:
            coded = self._coded(packet)
            if any(each != self._set for each in parameter_sets(self.codec, coded.data)):
                raise NvdecError("unsupported", "the sequence changes")
            if len(batch) == MAX_PACKETS or size + len(coded.data) > USUAL_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(coded)
            size += len(coded.data)
        yield batch

    def _next(self) -> "Packet[VideoStream] | None":
        """The next that is not empty; None at the end."""
        for packet in self._packets:
            if packet is None or packet.is_corrupt:
                raise NvdecError("damaged", "a part of the file cannot be read")
            if packet.size:
                return packet
        return None

    def _coded(self, packet: "Packet[VideoStream]") -> Coded:
        """Takes the packet's bytes out of it."""
        if packet.pts is None or packet.time_base is None:
            raise NvdecError("unsupported", "its packets have no time stamps")
        pts, duration, time_base = packet.pts, packet.duration or 0, packet.time_base
        dropped, key = packet.is_discard, packet.is_keyframe
        try:
            data = b"".join(bytes(each) for each in self._filter.filter(packet))
        except FFmpegError as error:
            raise NvdecError("damaged", "a packet is damaged") from error
        if not 0 < len(data) <= MAX_BYTES - (1 << 16):
            raise NvdecError("unsupported", f"a packet of {len(data)} bytes")
        pictures, slices = pictures_in(self.codec, data)
        if pictures != 1 or slices > self._most_slices:
            raise NvdecError("unsupported", f"a packet of {pictures} pictures and {slices} slices")
        return Coded(data, pts, duration, time_base, dropped, key)
