"""An int8 engine, built for real with TensorRT-RTX, which does so without a GPU."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.errors import VerificationError
from engine_builder.manifest import ClipFormat, Manifest, Outputs
from engine_builder.quantization.calibration import Calibrated, calibrate
from engine_builder.quantization.qdq import Scheme, quantise
from engine_builder.reference import full_precision, one_by_one
from engine_builder.sample_clips import made_up_clips
from engine_builder.tensorrt.build import EngineOptions, Runtime, define, load_runtime
from engine_builder.tensorrt.publish import add_engine
from engine_builder.verify import compare
from engine_builder.wts import write_wts

from ...support.programs import finished
from ...support.recipe import draw, narrow
from ...support.videos import write_video
from ..serving_stub import Answering, ServingStub
from .clips_stub import Clips

SMALL = ClipFormat(frames=4, height=32, width=32)
OPTIONS = EngineOptions(Runtime.TENSORRT_RTX, max_batch=2)


@pytest.fixture(scope="module")
def trt() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_runtime(Runtime.TENSORRT_RTX)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_wts(tmp_path / "small.wts", draw(narrow("r3d_18", 16, 3)))
    build_model(tmp_path / "small.wts", tmp_path / "model", BuildOptions("x", SMALL, ("a", "b", "c")))
    return tmp_path / "model"


@pytest.fixture
def calibrated(directory: Path) -> Calibrated:
    return calibrate(directory, [Path("a")], Clips(made_up_clips(SMALL, 150)))


def test_every_convolution_reads_signed_integers(
    trt: Any, directory: Path, calibrated: Calibrated, tmp_path: Path
) -> None:
    signed = quantise(calibrated.model, calibrated.ranges, Scheme.SIGNED)
    onnx.save(signed, tmp_path / "signed.onnx")
    definition = define(trt, tmp_path / "signed.onnx", SMALL, OPTIONS)
    network = definition.network
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    made_by = {layer.get_output(0).name: layer for layer in layers}
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    assert len(convolutions) == 20
    for layer in convolutions:
        for source in (layer.get_input(0), layer.get_input(1)):  # activations, weights
            pair = made_by[source.name]
            assert pair.type == trt.LayerType.DEQUANTIZE
            assert pair.get_input(0).dtype == trt.int8
    found = one_by_one(full_precision(signed.SerializeToString()), calibrated.held_out)
    assert compare(found, calibrated.expected).max_abs_difference < 0.05


def test_the_command_builds_it(directory: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", frames=320)
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    weights = ["build", str(tmp_path / "small.wts"), "-o", str(directory), "--labels", str(tmp_path / "labels.txt")]
    int8 = ["--frames", "2", "--precision", "int8", "--calibrate", str(video)]
    done = finished("r3d-engine", *weights, *int8, "--engine", "tensorrt-rtx", "--no-verify", "--max-batch", "2")
    assert done.returncode == 0, done.stderr
    manifest = Manifest.load(directory)
    [engine] = manifest.engines
    assert (engine.file, engine.precision) == (f"model.int8.{engine.sha256[:12]}.engine", "int8")
    assert (engine.verification, engine.onnx_sha256) == (None, manifest.onnx["fp32"].sha256)
    assert sorted(manifest.onnx) == ["fp32", "int8"]


def first(outputs: Outputs, clips: int) -> Outputs:
    assert outputs.embeddings is not None
    return Outputs(outputs.probabilities[:clips], outputs.embeddings[:clips])


@pytest.mark.usefixtures("trt")
def test_only_an_engine_that_says_what_fp32_says_is_published(directory: Path, calibrated: Calibrated) -> None:
    expected = calibrated.expected
    wrong = Answering(replace(expected, probabilities=expected.probabilities + np.float32(0.2)), "int8")
    with pytest.raises(VerificationError, match=r"differ by up to 0\.2; 0\.15 is allowed"):
        add_engine(directory, "int8", OPTIONS, ServingStub(wrong), calibrated=calibrated)
    assert Manifest.load(directory).engines == ()
    right = ServingStub(Answering(expected, "int8"))
    few = replace(calibrated, held_out=calibrated.held_out[:9], expected=first(expected, 9))
    with pytest.raises(VerificationError, match="41 are missing"):
        add_engine(directory, "int8", OPTIONS, ServingStub(Answering(few.expected, "int8")), calibrated=few)
    added = add_engine(directory, "int8", OPTIONS, right, calibrated=calibrated)
    assert (added.file, added.precision) == (f"model.int8.{added.sha256[:12]}.engine", "int8")
    assert added.verification is not None
    assert added.verification.clips == 50
    assert (directory / added.file).stat().st_size > 100_000
