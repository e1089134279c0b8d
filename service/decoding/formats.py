"""Which containers and codecs are supported: by content, never by a file's name or declared type."""

from collections.abc import Mapping

# FourCC as OpenCV reports it for FFmpeg's codec id -> the codec's usual name.
CODECS: Mapping[str, str] = {
    "h264": "h264",
    "hevc": "hevc",
    "VP80": "vp8",
    "VP90": "vp9",
    "AV01": "av1",
    "mpg1": "mpeg1",
    "mpg2": "mpeg2",
    "FMP4": "mpeg4",
    "MJPG": "mjpeg",
}

# FFmpeg's names of the demuxers behind the containers below; nothing else may open a file.
DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg")

TS_PACKET = 188
TS_SYNC = 0x47
HEAD_BYTES = 4 * TS_PACKET

# ISO/IEC 14496-12 box types that may start a file; `ftyp` nearly always, the others in old QuickTime files.
ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")


def container_of(head: bytes) -> str | None:
    """Name of the container that a file starting with `head` (its first 752 bytes) is, or None for anything else."""
    if head[4:8] in ISO_BOXES:
        return "iso"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"\x00\x00\x01\xba"):
        return "mpeg-ps"
    if len(head) >= 2 * TS_PACKET and all(byte == TS_SYNC for byte in head[::TS_PACKET]):
        return "mpeg-ts"
    return None


def describe(head: bytes) -> str:
    """What a refused file looks like, for the error message."""
    signatures = {
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8\xff": "a JPEG picture",
        b"GIF8": "a GIF picture",
        b"RIFF": "a RIFF file, not AVI",
        b"#EXTM3U": "an HLS playlist",
        b"ffconcat": "an ffconcat script",
        b"OggS": "an Ogg file",
        b"FLV": "a Flash video",
        b"ID3": "an MP3 file",
        b"PK\x03\x04": "a ZIP archive",
        b"%PDF": "a PDF document",
        b"\x00\x00\x01\xb3": "a bare MPEG stream",
        b"\x00\x00\x00\x01": "a bare H.264 or HEVC stream",
    }
    for signature, name in signatures.items():
        if head.startswith(signature):
            return name
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "text" if printable == len(head) else f"unknown data starting {head[:8].hex(' ')}"
