"""`r3d-evaluate` on real videos."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ...support.programs import Call, finished, json_lines, program
from ...support.videos import write_video
from ...support.waiting import eventually

SMALL = (64, 48)
# 128 frames at 25 a second are 76 at 15.
FRAMES = 128
SAME = 3
CLIPS = {"default": 4, "torchvision": 5}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder of six videos with their list; one is too short for a sampling, one is text, one is missing."""
    first = write_video(tmp_path / "0.mp4", FRAMES, size=SMALL)
    for number in range(1, SAME):
        (tmp_path / f"{number}.mp4").write_bytes(first.read_bytes())
    write_video(tmp_path / "short.mp4", 40, size=SMALL)
    (tmp_path / "text.mp4").write_text("text")
    labels = ["static", "pan_left", "2", "Tilt Up", "4", "static"]
    names = [*(f"{number}.mp4" for number in range(SAME)), "short.mp4", "text.mp4", "missing.mp4"]
    lines = [f"{name},{label}\n" for name, label in zip(names, labels, strict=True)]
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(lines))
    return tmp_path


def summary_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def test_a_list_is_evaluated_by_both_samplings(evaluate: Call, model_directory: Path, videos: Path) -> None:
    out = videos / "out"
    status, output, errors = evaluate(str(model_directory), str(videos / "list.csv"), "--out", str(out))
    assert status == 1
    assert "short.mp4 (torchvision): 40 frames decoded; a clip takes 32 at 15 frames/s" in output
    assert f"{videos}/text.mp4: this is text" in errors
    assert "missing.mp4: No such file or directory" in output
    assert "This model takes clips of 32 frames; torchvision's protocol is with 16" in output
    samplings = summary_of(out)["samplings"]
    assert {name: (each["videos"], each["failed"]) for name, each in samplings.items()} == {
        "default": (SAME + 1, 2),
        "torchvision": (SAME, 3),
    }
    assert samplings["default"]["clips"] == SAME * CLIPS["default"] + 1
    assert samplings["torchvision"]["clips"] == SAME * CLIPS["torchvision"]
    # They are one video under several labels.
    vote = samplings["torchvision"]["counted"]["videos by vote"]
    assert vote["top1"] in (0, 1)
    assert vote["top1_share_of_every_video"] == vote["top1"] / (SAME + 3)
    assert (out / "confusion.png").read_bytes().startswith(b"\x89PNG")
    with (out / "confusion.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    clips = [int(row["count"]) for row in rows if (row["sampling"], row["counted"]) == ("torchvision", "clips")]
    assert sum(clips) == SAME * CLIPS["torchvision"]


def test_samplings_may_be_named(evaluate: Call, model_directory: Path, videos: Path) -> None:
    (videos / "one.csv").write_text("0.mp4 0\n")
    arguments = ["--sampling", "overlapping=stride:16", "--sampling", "three=clips:3,tail:pad"]
    status, output, _ = evaluate(str(model_directory), str(videos / "one.csv"), *arguments)
    assert status == 0
    assert "overlapping: clips of 32 frames at the video's own rate, one every 16 frames, tail: drop" in output
    assert "three: clips of 32 frames at the video's own rate, 3 spread over the video, tail: pad" in output
    assert "of 7" in output
    assert "of 3" in output
    assert "torchvision" not in output


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("0.mp4,flying\n", [], "labels that the model does not have: 'flying' (line 1)"),
        ("0.mp4,0\n", ["--sampling", "a=stride:0"], "--sampling a=stride:0: stride: Input should be greater"),
    ],
)
def test_bad_usage_is_told_before_anything_runs(
    evaluate: Call, model_directory: Path, videos: Path, content: str, arguments: list[str], said: str
) -> None:
    (videos / "bad.csv").write_text(content)
    out = videos / "out"
    status, output, errors = evaluate(str(model_directory), str(videos / "bad.csv"), "--out", str(out), *arguments)
    assert (status, output) == (2, "")
    assert errors.startswith("r3d-evaluate: ")
    assert said in errors
    assert not out.exists()


def test_a_model_that_is_not_there(evaluate: Call, videos: Path) -> None:
    status, _, errors = evaluate(str(videos), str(videos / "list.csv"))
    assert (status, errors) == (3, f"r3d-evaluate: {videos}/model.json: No such file or directory\n")


def test_without_matplotlib_only_the_picture_is_missing(
    evaluate: Call, model_directory: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (videos / "one.csv").write_text("0.mp4,0\n")
    monkeypatch.delitem(sys.modules, "service.evaluation.plot", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = videos / "out"
    status, _, errors = evaluate(str(model_directory), str(videos / "one.csv"), "--out", str(out))
    assert (status, errors) == (0, "confusion.png is left out: it needs matplotlib, of the extra `evaluate`\n")
    assert sorted(path.name for path in out.iterdir()) == ["confusion.csv", "results.jsonl", "summary.json"]


def test_a_run_that_is_killed_goes_on_and_says_the_same(model_directory: Path, videos: Path) -> None:
    arguments = [str(model_directory), str(videos / "list.csv"), "--sampling", "default", "--jobs", "1", "--out"]
    whole, killed = videos / "whole", videos / "killed"
    assert finished("r3d-evaluate", *arguments, str(whole)).returncode == 1
    results = killed / "results.jsonl"
    command = [program("r3d-evaluate"), *arguments, str(killed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        eventually(
            lambda: process.poll() is not None or (results.exists() and b"\n" in results.read_bytes()), seconds=30
        )
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert 1 <= len(json_lines(results)) < SAME + 3
    with results.open("ab") as stream:
        stream.write(b'{"file": "torn')
    assert finished("r3d-evaluate", *arguments, str(killed)).returncode == 1
    assert sorted(line["file"] for line in json_lines(results)) == sorted(
        line["file"] for line in json_lines(whole / "results.jsonl")
    )
    assert summary_of(killed)["samplings"] == summary_of(whole)["samplings"]
    assert (killed / "confusion.csv").read_text() == (whole / "confusion.csv").read_text()


def test_a_folder_of_another_evaluation_is_not_gone_on_with(
    evaluate: Call, model_directory: Path, videos: Path
) -> None:
    (videos / "one.csv").write_text("0.mp4,0\n")
    arguments = [str(model_directory), str(videos / "one.csv"), "--out", str(videos / "out"), "--sampling"]
    assert evaluate(*arguments, "default")[0] == 0
    status, _, errors = evaluate(*arguments, "torchvision")
    assert status == 2
    assert "its results are of another evaluation (samplings)" in errors
