import subprocess
import sys
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest, Sampling
from engine_builder.wts import write_wts

from ..support.processor import ways_on_this_processor
from ..support.recipe import draw, narrow
from ..support.videos import write_video


def engine(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("r3d-engine")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    write_wts(tmp_path / "small.wts", draw(narrow("r2plus1d_18", 16, 3)))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    return tmp_path / "small.wts"


def test_build_inspect_verify(weights: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    labels = weights.with_name("labels.txt")
    built = engine("build", weights, "-o", model, "--labels", labels, "--frames", 16, "--precision", "fp16")
    assert built.returncode == 0, built.stderr
    assert "r2plus1d_18, 3 classes" in built.stdout
    manifest = Manifest.load(model)
    assert (manifest.name, manifest.clip.frames, sorted(manifest.onnx)) == ("model", 16, ["fp16", "fp32"])
    shown = engine("inspect", model)
    assert shown.returncode == 0
    assert "r2plus1d_18" in shown.stdout
    assert manifest.onnx["fp16"].sha256 in shown.stdout
    video = write_video(tmp_path / "video.mp4", frames=40)
    verified = engine("verify", model, video)
    assert verified.returncode == 0, verified.stderr + verified.stdout
    assert verified.stdout.count("good") == ways_on_this_processor()
    steps = verified.stderr.splitlines()
    assert steps[:3] == [f"decoding {video}", "checking the files", "running the fp32 reference on 2 clips"]
    assert [step for step in steps if step.startswith("running openvino")]


def test_no_normalize_is_in_the_manifest(weights: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    assert (
        engine("build", weights, "-o", model, "--labels", weights.with_name("labels.txt"), "--no-normalize").returncode
        == 0
    )
    clip = Manifest.load(model).clip
    assert (clip.mean, clip.std) == ((0, 0, 0), (1, 1, 1))


def test_errors_are_one_line_and_status_1(weights: Path, tmp_path: Path) -> None:
    done = engine("build", weights, "-o", tmp_path / "model")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "r3d-engine: the network has 3 classes, not Kinetics-400's: name them with --labels FILE"
    ]
    assert engine("inspect", tmp_path).returncode == 1
    assert engine("build", tmp_path / "none.wts", "-o", tmp_path / "model").returncode == 2


def test_the_bundled_model(tmp_path: Path) -> None:
    assert engine("bundled", "-o", tmp_path / "model").returncode == 0
    manifest = Manifest.load(tmp_path / "model")
    assert (manifest.name, manifest.architecture) == ("camera-motion", "r3d_18")
    assert manifest.labels[0] == "static"
    assert manifest.labels[-1] == "roll counterclockwise"


def test_a_text_file_is_no_checkpoint_in_one_line(tmp_path: Path) -> None:
    for name in ("notes.pth", "notes.wts", "notes.safetensors", "notes.txt"):
        (tmp_path / name).write_text("Some notes of mine,\nnothing else.\n")
        done = engine("build", tmp_path / name, "-o", tmp_path / "model")
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "text, not a checkpoint" in done.stderr or "expected the number of tensors" in done.stderr


def test_the_models_in_the_cache_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = engine("list")
    assert (done.returncode, done.stdout) == (0, f"no models in {tmp_path}/r3d; `r3d-engine fetch r3d_18` makes one\n")
    for place in ("camera-motion-0", "published/r3d_18"):
        assert engine("bundled", "-o", tmp_path / "r3d" / place).returncode == 0
    broken = tmp_path / "r3d" / "published" / "mc3_18" / "model.json"
    broken.parent.mkdir()
    broken.write_text("{")
    done = engine("list")
    assert done.returncode == 0
    [bundled] = [line for line in done.stdout.splitlines() if "camera-motion-0 " in line]
    assert [cell.strip() for cell in bundled.split("│")[1:4]] == ["camera-motion-0", "r3d_18", "9"]
    assert f"{tmp_path}/r3d/published/r3d_18" in done.stdout
    assert "cannot be read" in done.stdout
    assert f"{broken}: " in done.stdout


def test_sampling_is_part_of_the_model(weights: Path, tmp_path: Path) -> None:
    model, labels = tmp_path / "model", weights.with_name("labels.txt")
    options = ("--preset", "torchvision", "--stride", "2", "--threshold", "0.3")
    done = engine("build", weights, "-o", model, "--labels", labels, *options)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.load(model)
    wanted = Sampling(frame_rate=15, clips=5, stride=2, aggregate="mean", threshold=0.3)
    assert (manifest.clip.frames, manifest.sampling) == (16, wanted)
    assert "15 frames/s, 5 clips spread evenly" in engine("inspect", model).stdout
