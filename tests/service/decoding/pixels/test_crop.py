"""A frame's crop against OpenCV's and ffmpeg's own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av import VideoFrame

from service.decoding.pixels.crop import Cropper
from service.decoding.pixels.grid import CropFormat

from ....support.pictures import crop_of
from ....support.videos import H264, HEVC, MJPEG, MPEG2, MPEG4, VP9, Picture, decoded, ffmpeg, write_frames, write_video

SHARED = Path(__file__).parents[5] / "shared" / "videos"
CROP = CropFormat(128, 171, 8, 30, 112, 112)


def frames_of(path: Path, count: int = 8) -> Iterator[VideoFrame]:
    with path.open("rb") as file, av.open(file, "r") as container:
        yield from itertools.islice(container.decode(video=0), count)


def crops_of(path: Path, count: int = 8) -> list[Picture]:
    cropper = Cropper(CROP)
    return [cropper.crop(frame) for frame in frames_of(path, count)]


def opencv_crops_of(path: Path, count: int = 8) -> list[Picture]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    return [crop_of(np.asarray(capture.read()[1], np.uint8)[:, :, ::-1].copy()) for _ in range(count)]


def assert_equal(path: Path, count: int = 8) -> None:
    found, wanted = crops_of(path, count), opencv_crops_of(path, count)
    assert len(found) == len(wanted) == count
    for one, other in zip(found, wanted, strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (480, 852), (322, 182), (98, 34), (16, 600), (2, 2)])
@pytest.mark.parametrize("codec", [H264, MJPEG], ids=["limited range", "full range"])
def test_8_bits_are_converted_as_opencv_converts_them(
    tmp_path: Path, size: tuple[int, int], codec: tuple[str, ...]
) -> None:
    assert_equal(write_video(tmp_path / "a.mkv", 8, codec, size=size))


@pytest.mark.parametrize("codec", [VP9, MPEG2, MPEG4, HEVC], ids=["VP9", "MPEG-2", "MPEG-4", "HEVC"])
def test_whatever_the_decoder(tmp_path: Path, codec: tuple[str, ...]) -> None:
    assert_equal(write_video(tmp_path / "a.mkv", 8, codec))


@pytest.mark.parametrize("colours", ["yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"])
def test_whatever_the_sampling_of_colour(tmp_path: Path, colours: str) -> None:
    assert_equal(write_video(tmp_path / "a.mkv", 8, (*H264[:-1], colours), size=(642, 362)))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real footage lies beside the checkout")
def test_real_footage_is_converted_as_opencv_converts_it() -> None:
    for video in SHARED.iterdir():
        assert_equal(video, 25)


def test_every_pixel_of_noise_too(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 360, 640, 3), np.uint8)
    assert_equal(write_frames(tmp_path / "a.mkv", noise, codec=(*H264, "-qp", "0")), 4)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", (*HEVC, "-pix_fmt", "yuv420p10le")),
        ("a.mkv", (*HEVC, "-pix_fmt", "yuv420p12le")),
        ("a.mkv", (*H264[:-1], "yuv422p10le")),
        ("a.mkv", (*H264[:-1], "yuv444p10le")),
        ("a.mkv", (*H264[:-1], "gray10le")),
        ("a.mov", ("-c:v", "prores")),
        ("a.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le")),
        ("a.mkv", ("-c:v", "libx264rgb")),
        ("a.webm", (*VP9, "-color_range", "pc", "-vf", "scale=out_range=full")),
    ],
    ids=["4:2:0 10", "4:2:0 12", "4:2:2 10", "4:4:4 10", "grey 10", "ProRes", "ProRes with alpha", "RGB", "full range"],
)
def test_other_formats_are_within_two_levels_of_ffmpeg(tmp_path: Path, name: str, codec: tuple[str, ...]) -> None:
    path = write_video(tmp_path / name, 4, codec, size=(642, 362))
    difference = np.abs(np.stack(crops_of(path, 4)).astype(int) - [crop_of(frame) for frame in decoded(path)])
    assert difference.max() <= 3
    assert (difference > 2).mean() < 1e-4


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(642, 362), (98, 34)])
def test_a_turned_frame_is_shown_upright(tmp_path: Path, rotation: int, size: tuple[int, int]) -> None:
    plain, turned = write_video(tmp_path / "plain.mp4", 2, size=size), tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", str(rotation), "-i", str(plain), "-c", "copy", str(turned))
    for found, whole in zip(crops_of(turned, 2), decoded(plain), strict=True):
        assert (found == crop_of(np.ascontiguousarray(np.rot90(whole, rotation // 90)))).all()


def test_frames_may_change_in_size_and_format(tmp_path: Path) -> None:
    kinds = [((640, 360), H264), ((98, 34), (*H264[:-1], "yuv444p10le")), ((480, 852), (*H264[:-1], "yuv422p"))]
    paths = [write_video(tmp_path / f"{n}.mkv", 2, codec, size=size) for n, (size, codec) in enumerate(kinds)]
    cropper = Cropper(CROP)
    for path in [*paths, *paths]:
        for frame, alone in zip(frames_of(path, 2), crops_of(path, 2), strict=True):
            assert (cropper.crop(frame) == alone).all()
