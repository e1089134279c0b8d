"""Files that a video service should survive: each made here, each with the answers it may get."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import boxes
from .videos import H264, HEVC, MJPEG, MPEG4, VP8, VP9, ffmpeg, join_packets, write_video

REFUSED = frozenset({415})
UNDECODABLE = frozenset({422})
ANY = frozenset({200, 415, 422})

HUGE = 16_000
TRACKS = 5_000


@dataclass(frozen=True)
class Hostile:
    """A file's content and the statuses that are right for it."""

    name: str
    content: bytes
    statuses: frozenset[int]


def corpus(folder: Path, port: int, secret: Path) -> Iterator[Hostile]:
    """Every file; those that point somewhere point at `port` on loopback and at the file `secret`."""
    plain = write_video(folder / "plain.mp4", 96, size=(160, 120)).read_bytes()
    for make in (_scripts, _pictures):
        yield from make(folder, port, secret)
    yield from _nothing()
    yield from _cut(folder, plain)
    yield from _lies(folder, plain)
    yield from _odd(folder, plain)


def _scripts(folder: Path, port: int, secret: Path) -> Iterator[Hostile]:
    url = f"http://127.0.0.1:{port}/a.ts"
    texts = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "dash.mp4": f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>',
        "concat.mp4": f"ffconcat version 1.0\nfile {url}\nfile {secret}\n",
        "session.mp4": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
        "vobsub.avi": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n",
        "subtitle.mkv": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        "text.mp4": "hello\n" * 100,
        "shell.mp4": "#!/bin/sh\ntouch /tmp/owned\n",
        "svg.mp4": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
    }
    for name, text in texts.items():
        yield Hostile(name, text.encode(), REFUSED)
    # A session description that looks like an MP4 box to whoever reads bytes 4 to 8 only.
    sdp = f"v=0\nftyp=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    yield Hostile("sdp with ftyp", sdp.encode() * 20, UNDECODABLE | REFUSED)
    playlist = b"#EXTM3U\n#EXTINF:1,\n" + url.encode() + b"\n"
    yield Hostile("playlist in a TS packet", (b"G" + playlist.ljust(187, b" ")) * 8, UNDECODABLE | REFUSED)
    mp4 = write_video(folder / "drefs.mp4", 40, size=(64, 48)).read_bytes()
    yield Hostile("external reference, empty", boxes.patch(mp4, b"url ", 0, b"\0\0\0\0"), ANY)
    external = boxes.grow(mp4, b"url ", lambda _: _full_box(b"url ", 0, f"{url}\0".encode()))
    yield Hostile("external reference to a URL", external, ANY)
    local = boxes.grow(mp4, b"url ", lambda _: _full_box(b"url ", 0, f"file://{secret}\0".encode()))
    yield Hostile("external reference to a file", local, ANY)


def _full_box(name: bytes, flags: int, body: bytes) -> bytes:
    return struct.pack(">I4sI", len(body) + 12, name, flags) + body


def _pictures(folder: Path, port: int, secret: Path) -> Iterator[Hostile]:
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x48")
    for name in ("a.png", "a.jpg", "a.gif", "a.webp", "a.bmp"):
        ffmpeg(*source, "-frames:v", "1" if name != "a.gif" else "40", "-update", "1", str(folder / name))
        yield Hostile(name, (folder / name).read_bytes(), REFUSED)
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", str(folder / "audio.mp4"))
    yield Hostile("audio only", (folder / "audio.mp4").read_bytes(), UNDECODABLE | REFUSED)
    cover = ("-map", "0:a", "-map", "1:v", "-c:a", "aac", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", "-i", str(folder / "a.jpg"), *cover, str(folder / "cover.mp4"))
    yield Hostile("cover art", (folder / "cover.mp4").read_bytes(), UNDECODABLE | REFUSED)


def _nothing() -> Iterator[Hostile]:
    yield Hostile("empty", b"", UNDECODABLE)
    yield Hostile("one byte", b"x", REFUSED)
    yield Hostile("zeros", bytes(10_000), REFUSED)
    yield Hostile("random", random.Random(0).randbytes(100_000), REFUSED)
    magics = (b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3", b"RIFF\xff\xff\xff\xffAVI ", b"\0\0\x01\xba", b"G" + bytes(187))
    for magic in magics:
        junk = magic + random.Random(1).randbytes(50_000)
        yield Hostile(f"random after {magic[:8]!r}", junk, UNDECODABLE | REFUSED)


def _cut(folder: Path, plain: bytes) -> Iterator[Hostile]:
    fast = write_video(folder / "fast.mp4", 96, (*H264, "-g", "12", "-movflags", "faststart"), size=(160, 120))
    mkv = write_video(folder / "cut.mkv", 96, (*H264, "-g", "12"), size=(160, 120))
    stream = write_video(folder / "cut.ts", 96, (*H264, "-g", "12"), size=(160, 120))
    whole = {"mp4": plain, "faststart": fast.read_bytes(), "mkv": mkv.read_bytes(), "ts": stream.read_bytes()}
    for name, content in whole.items():
        for percent in (10, 50, 90):
            yield Hostile(f"{name} cut at {percent} %", content[: len(content) * percent // 100], ANY)
    moov = boxes.box(plain, b"moov")
    yield Hostile("moov missing", plain.replace(moov, b""), UNDECODABLE)
    yield Hostile("moov twice", plain + moov, ANY)
    for name in ("faststart", "ts"):
        content = whole[name]
        middle, length = len(content) // 2, len(content) // 20
        damaged = content[:middle] + random.Random(2).randbytes(length) + content[middle + length :]
        yield Hostile(f"{name} damaged in the middle", damaged, frozenset({200}))


def _lies(folder: Path, plain: bytes) -> Iterator[Hostile]:
    vp8 = write_video(folder / "vp8.webm", 40, (*VP8, "-g", "10"), size=(64, 48))
    yield Hostile("VP8 frames of 16000 x 16000", _vp8_size(vp8.read_bytes()), ANY)
    mjpeg = write_video(folder / "mjpeg.avi", 40, MJPEG, size=(64, 48)).read_bytes()
    yield Hostile("MJPEG frames of 16000 x 16000", _jpeg_size(mjpeg), ANY)
    header = mjpeg.replace(struct.pack("<II", 64, 48), struct.pack("<II", HUGE, HUGE))
    yield Hostile("AVI header of 16000 x 16000", header, ANY)
    yield Hostile("both", _jpeg_size(header), ANY)
    yield Hostile("AVI of 4 billion frames", _avi_frames(mjpeg, 0xFFFFFFFF), frozenset({200}))
    values = {"zero": b"\0\0\0\0", "huge": b"\xff\xff\xff\xff", "large": b"\x7f\xff\xff\xff"}
    for kind, value in values.items():
        yield Hostile(f"{kind} sample sizes", boxes.fill(plain, b"stsz", 12, value), ANY)
        yield Hostile(f"{kind} sample count", boxes.patch(plain, b"stsz", 8, value), ANY)
        yield Hostile(f"{kind} chunk offsets", boxes.fill(plain, b"stco", 8, value), ANY)
        yield Hostile(f"{kind} frame durations", boxes.patch(plain, b"stts", 12, value), ANY)
        yield Hostile(f"{kind} time scale", boxes.patch(plain, b"mdhd", 12, value), ANY)
        yield Hostile(f"{kind} duration", boxes.patch(plain, b"mdhd", 16, value), ANY)
    tracks = boxes.grow(plain, b"trak", lambda trak: trak * TRACKS)
    yield Hostile(f"{TRACKS} tracks", tracks, ANY)


def _vp8_size(content: bytes) -> bytes:
    start = b"\x9d\x01\x2a"
    size = struct.pack("<HH", 64, 48)
    return content.replace(start + size, start + struct.pack("<HH", HUGE, HUGE))


def _jpeg_size(content: bytes) -> bytes:
    start = b"\xff\xc0\x00\x11\x08"
    assert start + struct.pack(">HH", 48, 64) in content
    return content.replace(start + struct.pack(">HH", 48, 64), start + struct.pack(">HH", HUGE, HUGE))


def _avi_frames(content: bytes, frames: int) -> bytes:
    for name, offset in ((b"avih", 20), (b"strh", 36)):
        place = content.index(name) + 4 + offset
        content = content[:place] + struct.pack("<I", frames) + content[place + 4 :]
    return content


def _odd(folder: Path, plain: bytes) -> Iterator[Hostile]:
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "00" * 16, "-encryption_kid", "11" * 16)
    ffmpeg("-i", str(folder / "plain.mp4"), "-c", "copy", *key, str(folder / "cenc.mp4"))
    yield Hostile("encrypted (CENC)", (folder / "cenc.mp4").read_bytes(), ANY)
    small = write_video(folder / "small.ts", 40, size=(64, 48)).read_bytes()
    large = write_video(folder / "large.ts", 40, size=(320, 240)).read_bytes()
    yield Hostile("size change in mid-stream", small + large, frozenset({200}))
    yield Hostile("very wide", write_video(folder / "wide.mp4", 33, size=(4096, 16)).read_bytes(), frozenset({200}))
    many = write_video(folder / "many.mp4", 1000, (*H264, "-bf", "0"), size=(64, 48))
    joined = join_packets(many, folder / "joined.mkv", 25)
    yield Hostile("25 pictures in each packet", joined.read_bytes(), ANY)
    long = write_video(folder / "long.mp4", 2001, (*H264, "-g", "250"), size=(16, 16))
    yield Hostile("longer than allowed", long.read_bytes(), UNDECODABLE)
    ffmpeg("-display_rotation", "90", "-i", str(folder / "plain.mp4"), "-c", "copy", str(folder / "turned.mp4"))
    yield Hostile("rotated", (folder / "turned.mp4").read_bytes(), frozenset({200}))
    silence = ("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono")
    delayed = ("-map", "0:a", "-map", "1:v", "-c:a", "pcm_s16le", "-c:v", "copy", "-t", "200")
    late = folder / "late.mkv"
    ffmpeg(*silence, "-itsoffset", "190", "-i", str(folder / "plain.mp4"), *delayed, str(late))
    yield Hostile("audio first", late.read_bytes(), frozenset({200}))


def mutants(folder: Path, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged copies of small videos of five codecs."""
    kinds: dict[str, tuple[str, ...]] = {
        "h264.mp4": H264,
        "hevc.mkv": HEVC,
        "vp9.webm": VP9,
        "mpeg4.avi": MPEG4,
        "mjpeg.avi": MJPEG,
    }
    originals = [write_video(folder / name, 40, codec, size=(64, 48)).read_bytes() for name, codec in kinds.items()]
    changes: tuple[Callable[[random.Random, bytearray], None], ...] = (_flip, _overwrite, _remove, _repeat, _extreme)
    chance = random.Random(seed)
    for index in range(count):
        content = bytearray(originals[index % len(originals)])
        for _ in range(chance.randint(1, 8)):
            chance.choice(changes)(chance, content)
        yield bytes(content)


def _flip(chance: random.Random, content: bytearray) -> None:
    for _ in range(chance.randint(1, 20)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _overwrite(chance: random.Random, content: bytearray) -> None:
    start = chance.randrange(len(content))
    length = min(chance.randint(1, 64), len(content) - start)
    content[start : start + length] = chance.randbytes(length)


def _remove(chance: random.Random, content: bytearray) -> None:
    start = chance.randrange(len(content) - 100)
    del content[start : start + chance.randint(1, 100)]


def _repeat(chance: random.Random, content: bytearray) -> None:
    start = chance.randrange(len(content))
    content[start:start] = content[start : start + chance.randint(1, 200)]


def _extreme(chance: random.Random, content: bytearray) -> None:
    value = chance.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff" * 8))
    start = chance.randrange(0x2000 if chance.random() < 0.5 else len(content)) % (len(content) - 8)
    content[start : start + len(value)] = value
