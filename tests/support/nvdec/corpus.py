"""Videos of every kind that NVDEC may meet: `python -m tests.support.nvdec.corpus FOLDER`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ..videos import H264, HEVC, MPEG2, MPEG4, VP8, VP9, ffmpeg, write_video

FRAMES = 72
SIZES = (
    *((64, 64), (96, 64), (128, 96), (176, 144), (320, 240), (426, 240), (480, 360), (854, 480), (720, 1280)),
    *((1280, 720), (1920, 1080), (2560, 1440), (3840, 2160)),
)
X264, X265 = ("-c:v", "libx264", "-preset", "fast"), ("-c:v", "libx265", "-preset", "fast")
X265_QUIET = "log-level=none"
TEN_BITS = (*X265, "-pix_fmt", "yuv420p10le")
WIDE = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_trc")

# Name -> codec and its options.
KINDS: dict[str, tuple[str, ...]] = {
    "b-frames.mp4": (*X264, "-bf", "3", "-pix_fmt", "yuv420p"),
    "many-references.mkv": (*X264, "-bf", "5", "-refs", "8", "-g", "24", "-pix_fmt", "yuv420p"),
    "open-gop.mp4": (*X264, "-x264-params", "open-gop=1:keyint=24:bframes=3", "-pix_fmt", "yuv420p"),
    "intra-refresh.mp4": (*X264, "-x264-params", "intra-refresh=1:keyint=24", "-pix_fmt", "yuv420p"),
    "baseline.mp4": (*X264, "-profile:v", "baseline", "-pix_fmt", "yuv420p"),
    "slices.ts": (*X264, "-x264-params", "slices=4", "-pix_fmt", "yuv420p"),
    "full-range.mp4": (*X264, "-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p"),
    "interlaced.mp4": (*X264, "-flags", "+ildct+ilme", "-pix_fmt", "yuv420p"),
    "h264-10-bit.mp4": (*X264, "-pix_fmt", "yuv420p10le"),
    "h264-422.mp4": (*X264, "-pix_fmt", "yuv422p"),
    "h264-444.mp4": (*X264, "-pix_fmt", "yuv444p"),
    "grey.mp4": (*X264, "-pix_fmt", "gray"),
    "hevc.mp4": (*X265, "-x265-params", X265_QUIET, "-pix_fmt", "yuv420p"),
    "hevc-open-gop.mkv": (*X265, "-x265-params", f"{X265_QUIET}:keyint=24:open-gop=1", "-pix_fmt", "yuv420p"),
    "hevc-10-bit.mp4": (*TEN_BITS, "-x265-params", X265_QUIET),
    "hevc-12-bit.mp4": (*X265, "-x265-params", X265_QUIET, "-pix_fmt", "yuv420p12le"),
    "hlg.mp4": (*TEN_BITS, "-x265-params", f"{X265_QUIET}:transfer=arib-std-b67", *WIDE, "arib-std-b67"),
    "pq.mp4": (*TEN_BITS, "-x265-params", f"{X265_QUIET}:transfer=smpte2084", *WIDE, "smpte2084"),
    "vp8.webm": VP8,
    "vp9.webm": VP9,
    "mpeg2.ts": MPEG2,
    "mpeg4.avi": MPEG4,
    "h264.avi": H264,
    "h264.flv": H264,
}


def make(folder: Path) -> Iterator[Path]:
    """Write every video into the folder."""
    for width, height in SIZES:
        yield write_video(folder / f"{width}x{height}.mp4", FRAMES, (*H264, "-crf", "32"), (width, height))
    for width, height in SIZES[:4] + SIZES[9:10]:
        yield write_video(folder / f"hevc-{width}x{height}.mp4", FRAMES, HEVC, (width, height))
    for name, codec in KINDS.items():
        yield write_video(folder / name, FRAMES, codec, (320, 240))
    yield write_video(folder / "odd.webm", FRAMES, VP9, (321, 241))
    plain = folder / "320x240.mp4"
    for turn in (90, 180, 270):
        yield _copied(plain, folder / f"turned-{turn}.mp4", "-display_rotation", str(turn))
    yield _copied(plain, folder / "started-late.mp4", "-ss", "0.5")
    yield make_cropped(plain, folder / "cropped-left.mp4")
    yield make_changing(folder)
    whole = plain.read_bytes()
    cut = folder / "cut.ts"
    slices = (folder / "slices.ts").read_bytes()
    cut.write_bytes(slices[: len(slices) // 2])
    yield cut
    damaged = folder / "damaged.mp4"
    middle = len(whole) // 2
    damaged.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    yield damaged


def _copied(source: Path, target: Path, *options: str) -> Path:
    ffmpeg(*options, "-i", str(source), "-c", "copy", str(target))
    return target


def make_cropped(source: Path, target: Path) -> Path:
    """An H.264 video whose pictures begin behind their left and top."""
    ffmpeg("-i", str(source), "-c", "copy", "-bsf:v", "h264_metadata=crop_left=16:crop_top=16", str(target))
    return target


def make_changing(folder: Path) -> Path:
    """320 x 240, then 480 x 360, in one stream."""
    parts = [write_video(folder / f"part-{width}.h264", 40, H264, (width, width * 3 // 4)) for width in (320, 480)]
    whole = b"".join(part.read_bytes() for part in parts)
    for part in parts:
        part.unlink()
    target = folder / "changing.ts"
    ffmpeg("-f", "h264", "-i", "-", "-c", "copy", str(target), stdin=whole)
    return target


if __name__ == "__main__":
    for path in make(Path(sys.argv[1])):
        print(path, path.stat().st_size)
