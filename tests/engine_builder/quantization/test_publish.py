"""An int8 network is published only if it is a good one."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.cli import app
from engine_builder.errors import BuildError, VerificationError
from engine_builder.manifest import ClipFormat, Frames, Manifest, Outputs
from engine_builder.quantization.calibration import calibrate
from engine_builder.quantization.publish import add_int8, judge
from engine_builder.sample_clips import made_up_clips
from engine_builder.tensorrt.build import EngineOptions, Runtime
from engine_builder.tensorrt.publish import add_engine

from .clips_stub import Clips

SHORT = ClipFormat(frames=2)
VIDEOS = [Path("a")]


def outputs(*row: float, embedding: float = 1.0, clips: int = 50) -> Outputs:
    return Outputs(np.array([row] * clips, np.float32), np.full((clips, 4), embedding, np.float32))


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ((0.82, 0.18), None),
        ((0.45, 0.55), "50 of 50 clips of which fp32 is sure get another label"),
        ((0.60, 0.40), "differ by up to 0.2; 0.15 is allowed"),
        ((float("nan"), 0.5), "50 values are no numbers"),
    ],
)
def test_what_is_good_enough(found: tuple[float, ...], fault: str | None) -> None:
    judgement = judge(outputs(*found), outputs(0.8, 0.2))
    assert (not judgement.faults) if fault is None else any(fault in each for each in judgement.faults)


def test_where_fp32_is_unsure_another_label_is_no_fault() -> None:
    assert judge(outputs(0.49, 0.51), outputs(0.52, 0.48)).faults == ()


def test_an_embedding_that_is_far_off_is_a_fault() -> None:
    assert judge(outputs(0.8, 0.2, embedding=1.2), outputs(0.8, 0.2)).faults == ()
    [fault] = judge(outputs(0.8, 0.2, embedding=1.4), outputs(0.8, 0.2)).faults
    assert fault == "embeddings are off by up to 40.0% of their length; 30.0% is allowed"


def test_too_few_clips_to_judge_by_are_counted() -> None:
    [fault] = judge(outputs(1.0, 0.0, clips=9), outputs(1.0, 0.0, clips=9)).faults
    assert fault.startswith("9 clips are held out to judge it by, 41 are missing")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The bundled network for clips of two frames: the same graph, an eighth of the work."""
    options = BuildOptions("camera-motion", clip=SHORT, labels=read_labels(LABELS))
    build_model(WEIGHTS, tmp_path / "model", options)
    return tmp_path / "model"


@pytest.fixture(scope="module")
def many() -> Frames:
    """Enough to calibrate and to judge."""
    return np.concatenate([made_up_clips(SHORT, 6)] * 25)


@pytest.mark.parametrize("missing", ["openvino", "onnxruntime"])
def test_a_good_network_is_published_with_its_figures(
    missing: str, directory: Path, many: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With either runtime as the yardstick."""
    monkeypatch.setitem(sys.modules, missing, None)
    entry = add_int8(directory, calibrate(directory, VIDEOS, Clips(many)))
    kept = Manifest.load(directory).onnx["int8"]
    assert kept == entry
    assert kept.verification is not None
    assert kept.calibration is not None
    assert kept.verification.max_embedding_distance is not None
    assert (kept.verification.clips, kept.calibration.clips) == (50, 100)
    assert (directory / kept.file).exists()


def test_a_bad_network_is_not_published(directory: Path, many: Frames) -> None:
    before = (directory / "model.json").read_text()
    with pytest.raises(VerificationError, match=r"the int8 network is not published: .* are missing"):
        add_int8(directory, calibrate(directory, VIDEOS, Clips(many[:6])))
    with pytest.raises(VerificationError, match="1e-05 is allowed"):
        add_int8(directory, calibrate(directory, VIDEOS, Clips(many)), max_difference=1e-5)
    assert (directory / "model.json").read_text() == before
    assert not (directory / "model.int8.onnx").exists()


def test_no_tensorrt_engine_is_made_of_what_cpus_run(directory: Path) -> None:
    with pytest.raises(BuildError, match="TensorRT has no uint8 activations"):
        add_engine(directory, "int8", EngineOptions(Runtime.TENSORRT_RTX), None)


def test_the_command_asks_for_videos_to_calibrate_with(directory: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.wts"
    weights.touch()
    done = CliRunner().invoke(app, ["build", str(weights), "-o", str(tmp_path / "out"), "--precision", "int8"])
    assert done.exit_code == 2
    assert "--calibrate" in done.output


def test_the_manifest_of_before_still_loads(directory: Path) -> None:
    """As version 0.1 wrote it, and as this one still does for what is not quantised."""
    manifest = json.loads((directory / "model.json").read_text())
    assert set(manifest["onnx"]["fp32"]) == {"file", "sha256"}
    assert Manifest.load(directory).onnx["fp32"].calibration is None
