"""Files that are unusual and that users expect to work, as cameras, recorders and editors make them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.decoding.errors import DecodeError
from service.decoding.frames import Frame
from service.decoding.video import Video

from ...support.jobs import job_of, video_of
from ...support.videos import H264, MPEG2, MPEG4, VP8, VP9, ffmpeg, write_video

FRAMES = 60


def opened(path: Path) -> tuple[Video, list[Frame]]:
    video = video_of(job_of(path))
    return video, list(video.frames())


def assert_whole(path: Path, frames: int = FRAMES) -> Video:
    """Every frame is there, at its time, from 0 on."""
    video, found = opened(path)
    assert [frame.index for frame in found] == list(range(frames))
    assert [frame.seconds for frame in found] == pytest.approx([index / 25 for index in range(frames)], abs=0.002)
    assert [frame.ends for frame in found[:-1]] == [frame.seconds for frame in found[1:]]
    assert found[-1].ends == pytest.approx(frames / 25, abs=0.002)
    assert video.opened.frame_rate == pytest.approx(25)
    assert not video.partial
    return video


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


JUNK = bytes(range(1, 256)) * 257  # over 64 KiB, with a sync byte every 255


@pytest.mark.parametrize("name", ["a.ts", "a.m2ts"], ids=["MPEG-TS", "AVCHD"])
@pytest.mark.parametrize(
    "change",
    [lambda whole: whole[77:], lambda whole: JUNK[: 64 << 10] + whole],
    ids=["from the middle of a packet", "after 64 KiB of other bytes"],
)
def test_a_transport_stream_may_start_anywhere(tmp_path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    assert_whole(rewrite(write_video(tmp_path / name, FRAMES), change))


@pytest.mark.parametrize("codec", [MPEG2, ("-c:v", "mpeg1video")], ids=["MPEG-2", "MPEG-1"])
def test_a_program_stream_may_start_in_the_middle_of_a_pack(tmp_path: Path, codec: tuple[str, ...]) -> None:
    path = rewrite(write_video(tmp_path / "a.mpg", FRAMES, codec), lambda whole: whole[5000:])
    assert_whole(path, 48)  # from the second key frame on


@pytest.mark.parametrize("box", [b"uuid", b"sidx", b"free"])
def test_any_box_may_come_first(tmp_path: Path, box: bytes) -> None:
    fragments = ("-movflags", "frag_keyframe+empty_moov+default_base_moof")
    path = write_video(tmp_path / "a.mp4", FRAMES, (*H264, *fragments))
    assert_whole(rewrite(path, lambda whole: (44).to_bytes(4, "big") + box + bytes(36) + whole))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_video_that_starts_late_counts_from_its_first_frame(tmp_path: Path, name: str) -> None:
    assert_whole(write_video(tmp_path / name, FRAMES, (*H264, "-output_ts_offset", "170")))


def test_avi_starts_at_0(tmp_path: Path) -> None:
    assert_whole(write_video(tmp_path / "a.avi", FRAMES, MPEG4))


def test_a_rate_that_is_a_clocks_is_worked_out_from_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=1000")
    ffmpeg(*source, "-frames:v", "40", "-vf", "setpts=N/25/TB", "-fps_mode", "passthrough", *VP8, str(path))
    assert_whole(path, 40)


def test_variable_frame_rates_leave_no_gap_and_no_overlap(tmp_path: Path) -> None:
    vfr = "setpts='if(lt(N,10),N/10,1+(N-10)/25)/TB'"
    _, found = opened(write_video(tmp_path / "a.mkv", 30, filters=vfr))
    assert [frame.ends for frame in found[:-1]] == [frame.seconds for frame in found[1:]]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_still_picture_before_the_video_is_not_the_video(tmp_path: Path, name: str) -> None:
    still, video, both = tmp_path / "still.mkv", write_video(tmp_path / "video.mp4", FRAMES), tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "color=red:size=640x480", "-frames:v", "1", *MPEG2, str(still))
    ffmpeg("-i", str(still), "-i", str(video), "-map", "0", "-map", "1", "-c", "copy", str(both))
    assert (assert_whole(both).opened.width, assert_whole(both).opened.codec) == (320, "h264")


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    cover, video, both = tmp_path / "a.png", write_video(tmp_path / "video.mp4", FRAMES), tmp_path / "both.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:size=640x480", "-frames:v", "1", str(cover))
    mapped = ("-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", str(cover), "-i", str(video), *mapped, str(both))
    assert assert_whole(both).opened.width == 320


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mov", ("-c:v", "libx265", "-x265-params", "log-level=none:alpha=1")),
        ("a.webm", VP9),
    ],
    ids=["HEVC", "VP9"],
)
def test_transparency_is_not_looked_at(tmp_path: Path, name: str, codec: tuple[str, ...]) -> None:
    assert_whole(write_video(tmp_path / name, FRAMES, (*codec, "-pix_fmt", "yuva420p")))


ENCRYPTION = (
    *("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"),
    *("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"),
)


def test_an_encrypted_video_is_named_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", FRAMES, (*H264, *ENCRYPTION))
    with pytest.raises(DecodeError, match="the video is encrypted"):
        opened(path)


def test_frames_that_the_decoder_marks_as_damaged_make_the_answer_partial(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", FRAMES)
    lost = rewrite(path, lambda ts: b"".join(ts[n : n + 188] for n in range(0, len(ts), 188) if n // 188 % 50 != 25))
    video, found = opened(lost)
    assert video.partial
    assert len(found) > FRAMES // 2


def test_a_video_that_was_cut_off_is_partial(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", FRAMES, (*H264, "-movflags", "faststart"))
    video, found = opened(rewrite(path, lambda whole: whole[: len(whole) * 2 // 3]))
    assert video.partial
    assert 20 < len(found) < FRAMES


def test_an_oversized_frame_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 2, size=(2048, 1024))
    with pytest.raises(DecodeError, match="2048 x 1024") as caught:
        video_of(job_of(path, max_frame_pixels=1 << 20))
    assert caught.value.kind == "frames-too-large"
