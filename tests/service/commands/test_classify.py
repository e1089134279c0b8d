"""`r3d-classify` on this machine."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest
from service.api.schemas import ClassifyAnswer

from ...support.programs import Call, finished, json_lines, program
from ...support.videos import MPEG4, write_video
from ...support.waiting import eventually

CLIPS = 4


def test_the_program_classifies_files_as_json(model_directory: Path, video: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.avi", 40, MPEG4)
    done = finished("r3d-classify", "--json", "--model", str(model_directory), str(video), str(other))
    assert (done.returncode, done.stderr) == (0, "")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["file"], second["file"]) == (str(video), str(other))
    assert (first["video"]["codec"], second["video"]["codec"]) == ("h264", "mpeg4")
    assert [len(answer["clips"]) for answer in (first, second)] == [2, 1]


def test_a_list_on_standard_input(model_directory: Path, video: Path) -> None:
    arguments = ("--json", "--model", str(model_directory), "--from", "-")
    done = finished("r3d-classify", *arguments, stdin=f"{video}\n")
    assert done.returncode == 0
    assert json.loads(done.stdout)["video"]["frames"] == 75


def test_a_table_for_people(classify: Call, model_directory: Path, video: Path) -> None:
    status, output, _ = classify("--model", str(model_directory), str(video), COLUMNS="200")
    assert status == 0
    assert re.search(r"0\.00 – [12]\.\d\d", output)
    assert re.search(r"[a-z ]+: \d of 2 clips, confidence 0\.\d\d", output)


def test_it_says_what_failed_and_goes_on(classify: Call, model_directory: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_text("text")
    status, output, errors = classify("--json", "--model", str(model_directory), str(tmp_path / "bad.mp4"), str(video))
    assert status == 1
    assert f"{tmp_path}/bad.mp4: this is text" in errors
    bad, good = map(json.loads, output.splitlines())
    assert (bad["file"], bad["problem"]["type"]) == (f"{tmp_path}/bad.mp4", "urn:r3d:problem:unsupported-media")
    assert "retry" not in bad
    assert (good["file"], len(good["clips"])) == (str(video), 2)


@pytest.mark.parametrize("listed", [True, False])
def test_what_is_no_file_is_refused_and_not_waited_for(
    classify: Call, model_directory: Path, video: Path, tmp_path: Path, listed: bool
) -> None:
    pipe, names = tmp_path / "pipe.mp4", tmp_path / "names"
    os.mkfifo(pipe)
    names.write_text(f"{pipe}\n{video}\n")
    what = ("--from", str(names)) if listed else (str(pipe), str(video))
    status, output, errors = classify("--json", "--model", str(model_directory), *what)
    assert status == 1
    assert f"{pipe}: a pipe, socket or device, not a file" in errors
    assert [json.loads(line)["file"] for line in output.splitlines()] == [str(pipe), str(video)]


def test_a_video_on_standard_input(model_directory: Path, video: Path) -> None:
    with video.open("rb") as stream:
        command = [program("r3d-classify"), "--json", "--model", str(model_directory), "-"]
        done = subprocess.run(command, stdin=stream, capture_output=True, timeout=60, check=True)
    answer = json.loads(done.stdout)
    assert (answer["file"], len(answer["clips"])) == ("-", 2)


def test_a_folder_and_a_pattern(classify: Call, model_directory: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "within").mkdir()
    (tmp_path / "notes.txt").write_text("text")
    for name in ("one.bin", "within/two.mp4"):
        (tmp_path / name).write_bytes(video.read_bytes())
    files = (str(tmp_path), str(tmp_path / "within" / "*.mp4"), str(tmp_path / "one.bin"))
    status, output, _ = classify("--json", "-r", "--model", str(model_directory), *files)
    assert status == 0
    assert [json.loads(line)["file"] for line in output.splitlines()] == [
        f"{tmp_path}/one.bin",
        f"{tmp_path}/within/two.mp4",
    ]


def test_answers_go_to_standard_output_while_bars_are_on_the_terminal(model_directory: Path, video: Path) -> None:
    command = [program("r3d-classify"), "--json", "--model", str(model_directory), str(video)]
    reading, terminal = pty.openpty()
    with os.fdopen(reading, "rb"):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=True)
        os.close(terminal)
    assert json.loads(done.stdout)["file"] == str(video)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.mp4"], "'none.mp4' does not exist"),
        ([], "name a video or a folder"),
        (["--from", "none.txt"], "'none.txt' does not exist"),
        (["s3://bucket/a.mp4"], "addresses are not supported"),
        (["-", "--from", "-"], "not both"),
        (["-", "--out", "x.jsonl"], "leave out --out"),
        (["--server", "http://", "-"], "no address of a service"),
        (["--start", "5", "--end", "2", "-"], "it must be after --start"),
    ],
)
def test_bad_usage(classify: Call, arguments: list[str], said: str) -> None:
    status, _, errors = classify(*arguments, COLUMNS="200")
    assert status == 2
    assert said in errors


def test_a_model_that_does_not_load(classify: Call, video: Path, tmp_path: Path) -> None:
    status, _, errors = classify("--model", str(tmp_path), str(video))
    assert status == 3
    assert errors == f"r3d-classify: {tmp_path}/model.json: No such file or directory\n"


def test_embeddings_in_json_lines(classify: Call, model_directory: Path, video: Path, tmp_path: Path) -> None:
    model, out = ("--model", str(model_directory)), tmp_path / "out.jsonl"
    status, output, _ = classify("--embedding", "--json", *model, str(video))
    assert status == 0
    told = [clip["embedding"] for clip in json.loads(output)["clips"]]
    assert [len(each) for each in told] == [64, 64]
    (tmp_path / "list.txt").write_text(str(video))
    assert classify("--embedding", "--from", str(tmp_path / "list.txt"), "--out", str(out), *model)[0] == 0
    [line] = json_lines(out)
    kept = ClassifyAnswer.model_validate(line["result"])
    assert all(clip.embedding is not None and len(clip.embedding) == 64 for clip in kept.clips)


@pytest.mark.parametrize("form", ["table", "csv", "vtt", "srt"])
def test_embeddings_have_no_place_elsewhere(classify: Call, video: Path, form: str) -> None:
    status, _, errors = classify("--embedding", "--format", form, str(video), COLUMNS="200")
    assert status == 2
    assert "it is told in JSON lines: --json, or --out FILE" in errors


def test_a_model_without_embeddings_ends_the_run(
    classify: Call, model_directory: Path, video: Path, tmp_path: Path
) -> None:
    model, out = tmp_path / "model", tmp_path / "out.jsonl"
    model.mkdir()
    (model / "model.onnx").symlink_to(model_directory / "model.onnx")
    Manifest.load(model_directory).model_copy(update={"embedding": None}).save(model)
    status, _, errors = classify("--embedding", "--out", str(out), "--model", str(model), str(video))
    assert status == 3
    assert "this model gives no embeddings; build it again" in errors
    assert out.read_text() == "", "no file is to blame"


def test_other_files_are_not_written_to(classify: Call, tmp_path: Path, video: Path) -> None:
    precious = tmp_path / "diary.txt"
    precious.write_text("Dear diary\n")
    status, _, errors = classify("--out", str(precious), str(video))
    assert (status, precious.read_text()) == (2, "Dear diary\n")
    assert errors == f"r3d-classify: {precious}: not a file of results\n"


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """Twelve videos, one bad, one missing."""
    first = write_video(tmp_path / "0.mp4", 32 * CLIPS, size=(64, 48))
    for number in range(1, 10):
        (tmp_path / f"{number}.mp4").write_bytes(first.read_bytes())
    (tmp_path / "10.mp4").write_bytes(b"text")
    return [tmp_path / f"{number}.mp4" for number in range(12)]


def kill_when_two_more_are_done(command: list[str], out: Path) -> None:
    def lines() -> int:
        return out.read_bytes().count(b"\n") if out.exists() else 0

    before = lines()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        eventually(lambda: process.poll() is not None or lines() >= before + 2, seconds=30)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"


def test_a_run_that_is_killed_goes_on(classify: Call, model_directory: Path, many: list[Path], tmp_path: Path) -> None:
    listed, out = tmp_path / "list.txt", tmp_path / "out.jsonl"
    listed.write_text("\n".join(map(str, many)) + "\n\n")
    arguments = ["--from", str(listed), "--out", str(out), "--model", str(model_directory), "--jobs", "2"]
    for _ in range(3):
        kill_when_two_more_are_done([program("r3d-classify"), *arguments], out)
    assert 6 <= len(json_lines(out)) < 12
    with out.open("ab") as stream:
        stream.write(b'{"file": "torn')
    assert classify(*arguments)[0] == 1
    found = json_lines(out)
    assert sorted(str(each["file"]) for each in found) == sorted(map(str, many))
    failed = {Path(str(each["file"])).name: each["problem"] for each in found if "problem" in each}
    titles = {name: problem["title"] for name, problem in failed.items()}
    assert titles == {"10.mp4": "Not a supported video", "11.mp4": "File cannot be read"}
    for each in found:
        if "result" in each:
            assert len(ClassifyAnswer.model_validate(each["result"]).clips) == CLIPS
    status, _, errors = classify(*arguments)
    assert (status, len(json_lines(out))) == (1, 13), "a file that was not there is looked for again"
    assert "1 files failed in an earlier run" in errors
