"""What is read of sequence parameter sets, written by real encoders."""

from pathlib import Path

import pytest

from service.decoding.nvdec.errors import NvdecError
from service.decoding.nvdec.sequence import Sequence, has_layers, parameter_sets, pictures_in, read_sequence
from service.decoding.nvdec.wire import Codec

from ....support.videos import ffmpeg

PLAIN = Sequence(chroma=1, progressive=True, left=0, top=0)
X264, X265 = "libx264", "libx265"


def encoded(codec: str, *options: str, size: str = "64x48", frames: int = 1) -> bytes:
    """Frames in Annex B."""
    form = "h264" if codec == X264 else "hevc"
    source = ("-f", "lavfi", "-i", f"testsrc2=size={size}")
    return ffmpeg(*source, "-frames:v", str(frames), "-c:v", codec, *options, "-f", form, "-")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-profile:v", "baseline", "-pix_fmt", "yuv420p"), PLAIN),
        (("-profile:v", "high", "-pix_fmt", "yuv420p"), PLAIN),
        (("-pix_fmt", "yuv420p10le"), PLAIN),
        (("-pix_fmt", "yuv444p"), Sequence(chroma=3, progressive=True, left=0, top=0)),
        (("-pix_fmt", "yuv420p", "-x264-params", "cqm=jvt"), PLAIN),
        (("-pix_fmt", "yuv420p", "-flags", "+ildct+ilme"), Sequence(chroma=1, progressive=False, left=0, top=0)),
        (("-pix_fmt", "yuv420p", "-bsf:v", "h264_metadata=crop_left=16:crop_top=4"), Sequence(1, True, 8, 2)),
    ],
    ids=["baseline", "high", "10 bits", "4:4:4", "scaling lists", "interlaced", "cut off"],
)
def test_h264(options: tuple[str, ...], expected: Sequence) -> None:
    [unit] = parameter_sets("h264", encoded(X264, *options))
    assert read_sequence("h264", unit) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-pix_fmt", "yuv420p"), PLAIN),
        (("-pix_fmt", "yuv420p10le"), PLAIN),
        (("-pix_fmt", "yuv420p", "-x265-params", "temporal-layers=2"), PLAIN),
        (
            ("-pix_fmt", "yuv420p", "-x265-params", "interlace=tff"),
            Sequence(chroma=1, progressive=False, left=0, top=0),
        ),
        (("-pix_fmt", "yuv420p", "-bsf:v", "hevc_metadata=crop_left=8:crop_top=6"), Sequence(1, True, 4, 3)),
    ],
    ids=["8 bits", "10 bits", "sub-layers", "interlaced", "cut off"],
)
def test_hevc(options: tuple[str, ...], expected: Sequence) -> None:
    content = encoded(X265, *options, size="64x64")
    [unit] = parameter_sets("hevc", content)
    assert read_sequence("hevc", unit) == expected
    assert not has_layers(content)


def test_a_unit_of_another_layer_is_seen() -> None:
    content = encoded(X265, "-pix_fmt", "yuv420p", size="64x64")
    assert has_layers(content + b"\0\0\1\x42\x09\x01")
    assert has_layers(content + b"\0\0\1\x43\x01\x01")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_one_that_is_cut_off_anywhere_is_damaged(codec: Codec, tmp_path: Path) -> None:
    content = encoded({"h264": X264, "hevc": X265}[codec], "-pix_fmt", "yuv420p", size="64x64")
    [unit] = parameter_sets(codec, content)
    for length in range(1, 8):
        with pytest.raises(NvdecError, match="damaged"):
            read_sequence(codec, unit[:length])


def test_numbers_that_never_end_are_damage() -> None:
    with pytest.raises(NvdecError, match="damaged"):
        read_sequence("h264", b"\x67\x42\x00\x0a" + bytes(8) + b"\xff")


@pytest.mark.parametrize("frames", [1, 9])
@pytest.mark.parametrize(
    ("codec", "options"),
    [(X264, ("-slices", "3")), (X264, ("-bf", "3")), (X265, ()), (X265, ("-x265-params", "slices=2:bframes=3"))],
)
def test_pictures_are_counted_and_not_their_slices(codec: str, options: tuple[str, ...], frames: int) -> None:
    data = encoded(codec, *options, size="320x240", frames=frames)
    pictures, slices = pictures_in("h264" if codec == X264 else "hevc", data)
    assert pictures == frames
    assert slices == frames * (3 if "-slices" in options else 2 if "slices=2:bframes=3" in options else 1)


@pytest.mark.parametrize(
    ("codec", "slices"), [("h264", (b"\x65\x44", b"\xe5\x44")), ("hevc", (b"\x26\x01\x40", b"\xa6\x01\x40"))]
)
def test_slices_that_say_nothing_of_a_picture_are_counted(codec: Codec, slices: tuple[bytes, bytes]) -> None:
    """Those with a first bit that should not be, too."""
    data = b"".join(b"\0\0\1" + each for each in slices * 5)
    assert pictures_in(codec, data) == (0, 10)
