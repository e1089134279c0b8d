from pathlib import Path

import pytest

from service.decoding.formats import HEAD_BYTES, container_of, describe

from ...support.videos import H264, MPEG2, ffmpeg, write_video


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("a.mp4", "mov"),
        ("a.mov", "mov"),
        ("a.3gp", "mov"),
        ("a.mkv", "matroska"),
        ("a.avi", "avi"),
        ("a.ts", "mpegts"),
        ("a.mpg", "mpeg"),
    ],
)
def test_containers_by_content(tmp_path: Path, name: str, container: str) -> None:
    path = write_video(tmp_path / name, 5, MPEG2 if name.endswith("mpg") else H264)
    assert container_of(path.read_bytes()[:HEAD_BYTES]) == container


@pytest.mark.parametrize(
    ("head", "description"),
    [
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "an HLS playlist"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "an ffconcat script"),
        (b"GIF89a...", "a GIF picture"),
        (b"RIFF\0\0\0\0WAVE", "a RIFF file, not AVI"),
        (b"hello\n", "text"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "unknown data starting 01 02 03 04 05 06 07 08"),
        (b"G" * 300, "text"),
        (b"", "text"),
    ],
)
def test_other_files_are_refused_and_named(head: bytes, description: str) -> None:
    assert container_of(head) is None
    assert describe(head) == description


def test_a_picture_is_no_video(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1", str(tmp_path / "a.png"))
    head = (tmp_path / "a.png").read_bytes()[:HEAD_BYTES]
    assert (container_of(head), describe(head)) == (None, "a PNG picture")
