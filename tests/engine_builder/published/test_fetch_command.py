"""`r3d-engine fetch` takes what `build` takes: which clips, and in which precision."""

from pathlib import Path

import pytest

from engine_builder.manifest import Manifest, Sampling

from ...support.checkpoints import published_like
from ...support.programs import finished
from ...support.videos import write_video


@pytest.fixture(autouse=True)
def _published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Narrow weights on this machine in place of those published."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("R3D_WEIGHTS_URL", published_like(tmp_path).as_uri())


def test_sampling_and_half_precision(tmp_path: Path) -> None:
    model = tmp_path / "model"
    sampling = ["--preset", "torchvision", "--frame-rate", "10", "--clips", "3", "--stride", "2"]
    rest = ["--tail", "pad", "--aggregate", "vote", "--threshold", "0.5", "--precision", "fp16"]
    done = finished("r3d-engine", "fetch", "r3d_18", "-o", str(model), *sampling, *rest)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.load(model)
    assert manifest.clip.frames == 16
    wanted = Sampling(frame_rate=10, clips=3, stride=2, tail="pad", aggregate="vote", threshold=0.5)
    assert manifest.sampling == wanted
    assert sorted(manifest.onnx) == ["fp16", "fp32"]


def test_integers_and_the_directory_alone_on_standard_output(tmp_path: Path) -> None:
    model, video = tmp_path / "model", write_video(tmp_path / "video.mp4", frames=320)
    int8 = ["--precision", "int8", "--calibrate", str(video), "--frames", "2"]
    done = finished("r3d-engine", "fetch", "r3d_18", "-o", str(model), *int8)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{model}\n"
    assert "same top-1" in done.stderr
    assert Manifest.load(model).onnx["int8"].verification is not None


def test_the_cached_model_keeps_the_default_sampling(tmp_path: Path) -> None:
    done = finished("r3d-engine", "fetch", "r3d_18", "--clips", "3")
    assert done.returncode == 2
    assert "name a directory with -o" in done.stderr
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("options", [["--precision", "int8"], ["--calibrate", "."]])
def test_integers_and_videos_go_together(options: list[str]) -> None:
    done = finished("r3d-engine", "fetch", "r3d_18", *options)
    assert done.returncode == 2
    assert "--precision int8 and --calibrate go together" in done.stderr
