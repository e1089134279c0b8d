import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.decoding.video import DecodeError, Video, prepare

from ...support.jobs import job_of
from ...support.videos import H264, HEVC, LOSSLESS, MJPEG, MPEG2, MPEG4, VP8, VP9, decoded, ffmpeg, write_video

KINDS = {
    "h264.mp4": (H264, "h264"),
    "h264.mov": (H264, "h264"),
    "h264.mkv": (H264, "h264"),
    "h264.ts": (H264, "h264"),
    "h264.avi": ((*H264, "-bf", "0"), "h264"),
    "hevc.mp4": (HEVC, "hevc"),
    "hevc10.mkv": ((*HEVC, "-pix_fmt", "yuv420p10le"), "hevc"),
    "vp8.webm": (VP8, "vp8"),
    "vp9.webm": (VP9, "vp9"),
    "av1.mp4": (("-c:v", "libsvtav1", "-preset", "12"), "av1"),
    "mpeg4.mp4": (MPEG4, "mpeg4"),
    "mpeg4.avi": (MPEG4, "mpeg4"),
    "mjpeg.avi": (MJPEG, "mjpeg"),
    "mjpeg.mov": (MJPEG, "mjpeg"),
    "mpeg2.ts": (MPEG2, "mpeg2"),
    "mpeg2.mpg": (MPEG2, "mpeg2"),
    "mpeg1.mpg": (("-c:v", "mpeg1video"), "mpeg1"),
    "yuv444.mp4": (LOSSLESS, "h264"),
    "grey.mp4": (("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "gray"), "h264"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_codec_gives_the_frames_ffmpeg_gives(tmp_path: Path, name: str) -> None:
    options, codec = KINDS[name]
    path = write_video(tmp_path / name, 33, options, size=(192, 128))
    job = job_of(path)
    video = Video(job)
    pictures = [(frame.index, frame.picture.copy()) for frame in video.frames()]
    assert video.opened.codec == codec
    assert (video.opened.width, video.opened.height, video.opened.frame_rate) == (192, 128, 25)
    assert [index for index, _ in pictures] == list(range(33))
    assert not video.partial
    expected = [prepare(np.ascontiguousarray(frame[:, :, ::-1]), job) for frame in decoded(path)]
    assert len(expected) == 33
    for (_, found), wanted in zip(pictures, expected, strict=True):
        # Converting YUV (of 8 or 10 bits) to RGB rounds differently in swscale's code paths.
        assert np.abs(found.astype(int) - wanted).mean() < 4


def test_a_frame_is_squeezed_cropped_and_rgb(tmp_path: Path) -> None:
    job = job_of(tmp_path / "unused")
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    small = cv2.resize(image, (171, 128), interpolation=cv2.INTER_LINEAR_EXACT)
    assert (prepare(image, job) == small[8:120, 30:142, ::-1]).all()


def test_times_come_from_the_container(tmp_path: Path) -> None:
    # Frames 0-9 last 1/10 s, later ones 1/25 s.
    vfr = "setpts='if(lt(N,10),N/10,1+(N-10)/25)/TB'"
    path = write_video(tmp_path / "vfr.mkv", 30, filters=vfr)
    seconds = [frame.seconds for frame in Video(job_of(path)).frames()]
    expected = [n / 10 if n < 10 else 1 + (n - 10) / 25 for n in range(30)]
    assert len(seconds) > 20
    assert seconds == sorted(seconds)
    assert seconds[:10] == pytest.approx(expected[:10], abs=0.05)


def test_times_advance_even_where_the_container_has_none(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mpg", 40, ("-c:v", "mpeg1video"))
    seconds = [frame.seconds for frame in Video(job_of(path)).frames()]
    assert len(seconds) == 40
    assert all(later > earlier for earlier, later in itertools.pairwise(seconds))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_video_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    plain = write_video(tmp_path / "plain.mp4", 3, size=(64, 32))
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", str(rotation), "-i", str(plain), "-c", "copy", str(turned))
    expected = decoded(turned)
    assert expected.shape[1:3] == ((32, 64) if rotation == 180 else (64, 32))
    job = job_of(turned)
    found = [frame.picture.copy() for frame in Video(job).frames()]
    assert len(found) == 3
    wanted = prepare(np.ascontiguousarray(expected[0][:, :, ::-1]), job)
    assert np.abs(found[0].astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("size", [(2, 2), (98, 34), (16, 600)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", 3, MPEG4, size=size)
    video = Video(job_of(path))
    assert [frame.picture.shape for frame in video.frames()] == [(112, 112, 3)] * 3
    assert (video.opened.width, video.opened.height) == size


def test_an_odd_number_of_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3, ("-c:v", "libx264", "-pix_fmt", "yuv444p"), size=(33, 35))
    assert len(list(Video(job_of(path)).frames())) == 3


def test_frames_are_counted_not_believed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 40, MPEG4)
    content = bytearray(path.read_bytes())
    place = content.index(b"avih") + 8 + 16
    assert int.from_bytes(content[place : place + 4], "little") == 40
    content[place : place + 4] = (1_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    video = Video(job_of(path))
    assert len(list(video.frames())) == video.frames_decoded == 40


def test_frames_may_have_the_limit_and_no_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3, size=(64, 32))
    assert len(list(Video(job_of(path, max_frame_pixels=64 * 32)).frames())) == 3
    with pytest.raises(DecodeError, match="64 x 32") as caught:
        Video(job_of(path, max_frame_pixels=64 * 32 - 1))
    assert caught.value.kind == "frames-too-large"


def test_a_video_may_have_the_limit_and_no_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    assert len(list(Video(job_of(path, max_frames=10)).frames())) == 10
    with pytest.raises(DecodeError) as caught:
        list(Video(job_of(path, max_frames=9)).frames())
    assert caught.value.kind == "too-long"


@pytest.mark.parametrize(
    ("name", "options", "kind", "reason"),
    [
        ("a.mov", ("-c:v", "prores"), "unsupported", "apch"),
        ("a.avi", ("-c:v", "huffyuv"), "unsupported", "HFYU"),
        ("a.gif", (), "unsupported", "a GIF picture"),
        ("a.flv", ("-c:v", "flv1"), "unsupported", "Flash"),
    ],
)
def test_what_is_not_taken_is_named(
    tmp_path: Path, name: str, options: tuple[str, ...], kind: str, reason: str
) -> None:
    path = write_video(tmp_path / name, 3, options)
    with pytest.raises(DecodeError, match=reason) as caught:
        Video(job_of(path))
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "undecodable"), (b"x", "unsupported"), (b"\0\0\0\x18ftypmp42" + b"\0" * 200, "undecodable")],
)
def test_nonsense(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "video").write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        Video(job_of(tmp_path / "video"))
    assert caught.value.kind == kind
