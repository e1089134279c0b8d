"""Which files a run is about: names, folders, patterns, lists."""

import io
import os
import socket
from itertools import islice
from pathlib import Path

import pytest

from service.batch.inputs import STANDARD_INPUT, Inputs, NamingError, look_at

HEAD = b"\0\0\0\x20ftypisom"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Videos by content under odd names, and what is none under a video's name; folders within."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a", "within/c.txt", "within/deeper/d[1].mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(HEAD)
    (tmp_path / "text.mp4").write_text("text")
    (tmp_path / "none").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "round").symlink_to(tmp_path)
    return tmp_path


def named(*names: str, listed: str | None = None, recursive: bool = False) -> list[str]:
    inputs = Inputs(names, None if listed is None else Path(listed), recursive)
    inputs.check()
    return [str(path) for path in inputs]


@pytest.mark.usefixtures("folder")
def test_a_folder_stands_for_the_videos_in_it_by_content() -> None:
    assert named(".") == ["a", "b.mp4"]
    assert named(".", recursive=True) == ["a", "b.mp4", "within/c.txt", "within/deeper/d[1].mp4"]


@pytest.mark.usefixtures("folder")
def test_patterns_files_and_standard_input() -> None:
    assert named("*.mp4", "-") == ["b.mp4", "pipe.mp4", "text.mp4", "-"]
    assert named("within/**/*.txt") == ["within/c.txt"]
    assert named("within/deeper/d[1].mp4") == ["within/deeper/d[1].mp4"], "a file of that name goes before a pattern"
    assert Inputs(["b.mp4", "-"]).count() == 2
    assert Inputs(["*.mp4"]).count() is None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.mp4", "'nothing.mp4' does not exist"),
        ("*.avi", "no file is named like '*.avi'"),
        ("none", "none: no video in this folder; with --recursive its folders are searched too"),
        ("s3://bucket/a.mp4", "s3://bucket/a.mp4: addresses are not supported, only files: download it first"),
        ("https://example.org/a.mp4", "addresses are not supported"),
    ],
)
def test_a_name_that_stands_for_nothing(name: str, said: str) -> None:
    with pytest.raises(NamingError) as raised:
        named("b.mp4", name)
    assert said in str(raised.value)


def test_a_list_names_files_and_folders(folder: Path) -> None:
    (folder / "list").write_bytes(b"\xef\xbb\xbfb.mp4\r\n\n  gone *.mp4 \nwithin\nnone\ncaf\xe9.mp4\n")
    assert named(listed="list") == ["b.mp4", "gone *.mp4", "within/c.txt", "none", os.fsdecode(b"caf\xe9.mp4")]
    assert Inputs((), Path("list")).count() == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\n\ns3://b/c.mp4\n", "list, line 3: s3://b/c.mp4: addresses are not supported"),
        (b"a\0b\0", "list, line 1: not a name"),
        (b"\n \n", "list: names no file"),
    ],
)
def test_a_bad_list_is_told_before_anything_is_classified(folder: Path, content: bytes, said: str) -> None:
    (folder / "list").write_bytes(content)
    with pytest.raises(NamingError, match=said):
        Inputs((), Path("list")).count()


def test_a_list_is_read_as_it_is_needed(folder: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        lines = iter(Inputs((), Path(f"/dev/fd/{reading}")))
        pipe.write(b"a\n" + b"b\n" * io.DEFAULT_BUFFER_SIZE)
        assert list(islice(lines, 2)) == [Path("a"), Path("b")]
    os.close(reading)


@pytest.mark.usefixtures("folder")
def test_a_look_tells_what_is_missing_and_what_is_no_file() -> None:
    for name in (STANDARD_INPUT, Path("b.mp4")):
        look_at(name)
    with pytest.raises(FileNotFoundError):
        look_at(Path("gone"))
    with pytest.raises(IsADirectoryError):
        look_at(Path("none"))
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.mp4")
        for name in (Path("pipe.mp4"), Path("socket.mp4"), Path("/dev/zero")):
            with pytest.raises(OSError, match="a pipe, socket or device, not a file"):
                look_at(name)
