"""Which containers and codecs are supported: by content, never by a file's name or declared type."""

from collections.abc import Mapping

# FFmpeg's name of a codec -> ours, which the answers use.
CODECS: Mapping[str, str] = {
    "h264": "h264",
    "hevc": "hevc",
    "vp8": "vp8",
    "vp9": "vp9",
    "av1": "av1",
    "mpeg1video": "mpeg1",
    "mpeg2video": "mpeg2",
    "mpeg4": "mpeg4",
    "msmpeg4v2": "msmpeg4v2",
    "msmpeg4v3": "msmpeg4v3",
    "h263": "h263",
    "flv1": "flv1",
    "theora": "theora",
    "dvvideo": "dv",
    "mjpeg": "mjpeg",
    "prores": "prores",
    "dnxhd": "dnxhd",
}
# FFmpeg's names of the decoders for them, where they differ.
DECODERS = (*CODECS, "libdav1d", "msmpeg4", "flv")

# FFmpeg's names of the demuxers behind the containers below; nothing else may open a file.
DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg")
CONTAINERS = "MP4, MOV, Matroska, WebM, AVI, MPEG-TS, MPEG-PS, FLV and Ogg"

# As far as a transport stream's first whole packet, or a program stream's first pack, is looked for.
HEAD_BYTES = 128 * 1024
TS_SYNC = 0x47
# Bytes of a packet: as broadcast, with a time code before it (M2TS, AVCHD), with error correction behind it.
TS_PACKETS = (188, 192, 204)
TS_PACKETS_IN_A_ROW = 8
START_CODE = b"\x00\x00\x01"
PACK_START = START_CODE + b"\xba"
SIGNATURE_BYTES = 752

# ISO/IEC 14496-12 box types that may start a file; `ftyp` nearly always, others in old or fragmented files.
ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"sidx", b"moof", b"uuid")


def container_of(head: bytes) -> str | None:
    """FFmpeg's demuxer for a file that starts with `head` (its first `HEAD_BYTES`), or None for anything else."""
    if head[4:8] in ISO_BOXES:
        return "mov"
    for signature, demuxer in ((b"\x1aE\xdf\xa3", "matroska"), (b"FLV", "flv"), (b"OggS", "ogg")):
        if head.startswith(signature):
            return demuxer
    if head.startswith(b"RIFF"):
        return "avi" if head[8:12] == b"AVI " else None
    if _is_transport_stream(head):
        return "mpegts"
    return "mpeg" if _is_program_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets follow each other somewhere in `head`: it may start in the middle of one, or with other bytes."""
    place = head.find(TS_SYNC)
    while place >= 0:
        for size in TS_PACKETS:
            row = head[place : place + size * TS_PACKETS_IN_A_ROW : size]
            # A file of few packets is believed if it starts with one.
            enough = len(row) == TS_PACKETS_IN_A_ROW or (place < size and len(head) >= place + 2 * size)
            if enough and row.count(TS_SYNC) == len(row):
                return True
        place = head.find(TS_SYNC, place + 1)
    return False


def _is_program_stream(head: bytes) -> bool:
    """Whether a pack is in `head`; where the file does not start with it, with what follows a pack's header."""
    place = head.find(PACK_START)
    # The header has 12 bytes in MPEG-1, 14 and up to 7 of stuffing in MPEG-2.
    return place == 0 or (place > 0 and START_CODE in head[place + 12 : place + 24])


def describe(head: bytes) -> str:
    """What a refused file looks like, for the error message."""
    signatures = {
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8\xff": "a JPEG picture",
        b"GIF8": "a GIF picture",
        b"RIFF": "a RIFF file, not AVI",
        b"#EXTM3U": "an HLS playlist",
        b"ffconcat": "an ffconcat script",
        b"ID3": "an MP3 file",
        b"PK\x03\x04": "a ZIP archive",
        b"%PDF": "a PDF document",
        b"\x00\x00\x01\xb3": "a bare MPEG stream",
        b"\x00\x00\x00\x01": "a bare H.264 or HEVC stream",
    }
    for signature, name in signatures.items():
        if head.startswith(signature):
            return name
    start = head[:SIGNATURE_BYTES]
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    return "text" if printable == len(start) else f"unknown data starting {head[:8].hex(' ')}"
