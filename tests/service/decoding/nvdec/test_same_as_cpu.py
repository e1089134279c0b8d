"""Whatever the video: frames, times and pixels are those of the CPU, and NVDEC decodes what it can."""

from pathlib import Path

import av
import pytest

from service.decoding.messages import ClipChoice

from ....support.nvdec.corpus import KINDS, make_changing, make_cropped
from ....support.nvdec.decoding import compare
from ....support.videos import H264, HEVC, ffmpeg, join_packets, write_video

BY_NVDEC = (
    *("b-frames.mp4", "many-references.mkv", "open-gop.mp4", "slices.ts", "full-range.mp4"),
    *("hevc.mp4", "hevc-open-gop.mkv", "hevc-10-bit.mp4", "hlg.mp4", "pq.mp4", "h264.flv"),
)
UNSUPPORTED = (
    *(
        "interlaced.mp4",
        "grey.mp4",
        "h264-10-bit.mp4",
        "h264-422.mp4",
        "hevc-12-bit.mp4",
        "vp9.webm",
        "mpeg2.ts",
        "mpeg4.avi",
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nvdec")


def test_nvdec_decodes_what_it_can(folder: Path) -> None:
    paths = [write_video(folder / name, 40, KINDS[name], (160, 120)) for name in BY_NVDEC]
    ends = compare(*paths)
    assert {path.name: (end.decoder, end.fallback) for path, end in zip(paths, ends, strict=True)} == dict.fromkeys(
        BY_NVDEC, ("nvdec", None)
    )


def test_the_cpu_decodes_the_rest(folder: Path) -> None:
    paths = [write_video(folder / name, 40, KINDS[name], (160, 120)) for name in UNSUPPORTED]
    paths.append(write_video(folder / "odd.mkv", 40, (*HEVC[:2], *HEVC[2:], "-pix_fmt", "yuv420p"), (162, 121)))
    paths += [make_changing(folder), make_cropped(paths[0].with_name("b-frames.mp4"), folder / "cropped.mp4")]
    ends = compare(*paths)
    decoded = {path.name: (end.decoder, end.fallback) for path, end in zip(paths, ends, strict=True)}
    assert decoded.pop("odd.mkv") in {("nvdec", None), ("cpu", "unsupported")}
    assert decoded == dict.fromkeys(decoded, ("cpu", "unsupported"))


def test_a_decoder_goes_through_sizes_as_they_come(folder: Path) -> None:
    """As each is set to the next video's size before it begins: the stand-in's shapes stay wrong otherwise."""
    sizes = [(320, 240), (160, 120), (160, 128), (640, 360), (160, 120), (120, 160), (1300, 64), (64, 64)]
    paths = [write_video(folder / f"{width}x{height}.mp4", 33, H264, (width, height)) for width, height in sizes]
    assert [end.decoder for end in compare(*paths)] == ["nvdec"] * len(paths)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_videos(folder: Path, turn: int) -> None:
    plain = write_video(folder / "plain.mp4", 33, H264, (160, 120))
    turned = folder / f"turned-{turn}.mp4"
    ffmpeg("-display_rotation", str(turn), "-i", str(plain), "-c", "copy", str(turned))
    [end] = compare(turned)
    assert end.decoder == "nvdec"


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_rate": 10.0, "frames": 8, "stride": 4},
        {"start": 0.5, "end": 2.0, "frames": 8, "stride": 8},
        {"clips": 3, "frames": 8, "stride": 1},
        {"frames": 16, "stride": 16, "pad": True, "more": (ClipChoice(frame_rate=12.5, stride=8, clips=2),)},
    ],
    ids=["frame rate", "a part", "spread clips", "two samplings"],
)
def test_whatever_is_asked_for(folder: Path, changes: dict[str, object]) -> None:
    path = write_video(folder / "asked.mp4", 70, KINDS["b-frames.mp4"], (160, 120))
    [end] = compare(path, **changes)
    assert end.decoder == "nvdec"


def test_a_container_that_is_wrong_about_its_length_is_decoded_again(folder: Path) -> None:
    whole = write_video(folder / "long.ts", 100, H264, (64, 64))
    # A transport stream does not say how many frames it has: clips are spread once they are counted.
    ends = compare(whole, clips=4, frames=8, stride=1)
    assert [end.decoder for end in ends] == ["nvdec"]


@pytest.mark.parametrize("keys", [40, 250], ids=["at a key frame", "between them"])
@pytest.mark.parametrize("changes", [{}, {"frame_rate": 10.0}], ids=["each frame", "frame rate"])
def test_times_that_go_back_are_the_cpus(folder: Path, keys: int, changes: dict[str, float]) -> None:
    path = write_video(folder / f"{keys}.mp4", 80, (*H264, "-bf", "0", "-g", str(keys)), (160, 120))
    back = folder / f"{keys}-back.mkv"
    with av.open(str(path)) as source, av.open(str(back), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            assert packet.duration is not None
            shown = number if number < 40 else number - 9.5
            packet.pts, packet.dts = round(shown * packet.duration), (number - 20) * packet.duration
            packet.stream = stream
            target.mux(packet)
    [end] = compare(back, frames=8, stride=8, **changes)
    assert (end.decoder, end.fallback) == ("cpu", "unsupported")


def test_packets_of_several_pictures_go_to_the_cpu(folder: Path) -> None:
    """A file may say that thousands are one; NVDEC would take memory for all at once."""
    whole = write_video(folder / "single.mp4", 80, (*H264, "-bf", "0"), (160, 120))
    joined = join_packets(whole, folder / "joined.mkv", 2)
    [end] = compare(joined)
    assert (end.decoder, end.fallback) == ("cpu", "unsupported")


def test_damage_goes_to_the_cpu_and_is_told_as_there(folder: Path) -> None:
    whole = write_video(folder / "whole.ts", 100, KINDS["slices.ts"], (160, 120)).read_bytes()
    damaged = folder / "damaged.ts"
    damaged.write_bytes(whole[: len(whole) // 2] + b"\x55" * 3000 + whole[len(whole) // 2 + 3000 :])
    [end] = compare(damaged)
    assert (end.decoder, end.fallback, end.partial) == ("cpu", "damaged", True)
