import itertools
from pathlib import Path

import numpy as np
import pytest

from service.decoding.errors import DecodeError

from ...support.jobs import job_of, video_of
from ...support.pictures import crop_of
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
    "prores.mov": (("-c:v", "prores"), "prores"),
    "dnxhd.mov": (("-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p"), "dnxhd"),
    "flv1.flv": (("-c:v", "flv1"), "flv1"),
    "h264.flv": (H264, "h264"),
    "msmpeg4v2.avi": (("-c:v", "msmpeg4v2"), "msmpeg4v2"),
    "msmpeg4v3.avi": (("-c:v", "msmpeg4"), "msmpeg4v3"),
    "h264.m2ts": (H264, "h264"),
    "grey.mp4": (("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "gray"), "h264"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_codec_gives_the_frames_ffmpeg_gives(tmp_path: Path, name: str) -> None:
    options, codec = KINDS[name]
    path = write_video(tmp_path / name, 33, options, size=(256, 128))
    job = job_of(path)
    video = video_of(job)
    pictures = [(frame.index, frame.picture.copy()) for frame in video.frames()]
    assert video.opened.codec == codec
    assert (video.opened.width, video.opened.height, video.opened.frame_rate) == (256, 128, 25)
    assert [index for index, _ in pictures] == list(range(33))
    assert not video.partial
    expected = [crop_of(frame) for frame in decoded(path)]
    assert len(expected) == 33
    for (_, found), wanted in zip(pictures, expected, strict=True):
        difference = np.abs(found.astype(int) - wanted)
        # Equal with 8 bits; with more, chroma is rounded to 8 bits before it is converted.
        assert difference.max() <= 3
        assert (difference > 2).mean() < 1e-4


def test_times_come_from_the_container(tmp_path: Path) -> None:
    # Frames 0-9 last 1/10 s, later ones 1/25 s.
    vfr = "setpts='if(lt(N,10),N/10,1+(N-10)/25)/TB'"
    path = write_video(tmp_path / "vfr.mkv", 30, filters=vfr)
    seconds = [frame.seconds for frame in video_of(job_of(path)).frames()]
    expected = [n / 10 if n < 10 else 1 + (n - 10) / 25 for n in range(30)]
    assert len(seconds) > 20
    assert seconds == sorted(seconds)
    assert seconds[:10] == pytest.approx(expected[:10], abs=0.05)


def test_times_advance_even_where_the_container_has_none(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mpg", 40, ("-c:v", "mpeg1video"))
    seconds = [frame.seconds for frame in video_of(job_of(path)).frames()]
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
    found = [frame.picture.copy() for frame in video_of(job).frames()]
    assert len(found) == 3
    assert (found[0] == crop_of(expected[0])).all()


@pytest.mark.parametrize("size", [(2, 2), (98, 34), (16, 600)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", 3, MPEG4, size=size)
    video = video_of(job_of(path))
    assert [frame.picture.shape for frame in video.frames()] == [(112, 112, 3)] * 3
    assert (video.opened.width, video.opened.height) == size


def test_an_odd_number_of_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3, ("-c:v", "libx264", "-pix_fmt", "yuv444p"), size=(33, 35))
    assert len(list(video_of(job_of(path)).frames())) == 3


def test_frames_are_counted_not_believed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 40, MPEG4)
    content = bytearray(path.read_bytes())
    place = content.index(b"avih") + 8 + 16
    assert int.from_bytes(content[place : place + 4], "little") == 40
    content[place : place + 4] = (1_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    video = video_of(job_of(path))
    assert len(list(video.frames())) == video.frames_decoded == 40


def test_frames_may_have_the_limit_and_no_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3, size=(64, 32))
    assert len(list(video_of(job_of(path, max_frame_pixels=64 * 32)).frames())) == 3
    with pytest.raises(DecodeError, match="64 x 32") as caught:
        video_of(job_of(path, max_frame_pixels=64 * 32 - 1))
    assert caught.value.kind == "frames-too-large"


def test_a_video_may_have_the_limit_and_no_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    assert len(list(video_of(job_of(path, max_frames=10)).frames())) == 10
    with pytest.raises(DecodeError) as caught:
        list(video_of(job_of(path, max_frames=9)).frames())
    assert caught.value.kind == "too-long"


@pytest.mark.parametrize(
    ("name", "options", "kind", "reason"),
    [
        ("a.avi", ("-c:v", "huffyuv"), "unsupported", "huffyuv"),
        ("a.mkv", ("-c:v", "ffv1"), "unsupported", "ffv1"),
        ("a.gif", (), "unsupported", "a GIF picture"),
    ],
)
def test_what_is_not_taken_is_named(
    tmp_path: Path, name: str, options: tuple[str, ...], kind: str, reason: str
) -> None:
    path = write_video(tmp_path / name, 3, options)
    with pytest.raises(DecodeError, match=reason) as caught:
        video_of(job_of(path))
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "undecodable"), (b"x", "unsupported"), (b"\0\0\0\x18ftypmp42" + b"\0" * 200, "undecodable")],
)
def test_nonsense(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "video").write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        video_of(job_of(tmp_path / "video"))
    assert caught.value.kind == kind
