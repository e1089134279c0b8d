"""Engines built for real, with TensorRT-RTX, which does so without a GPU."""

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.errors import BuildError, VerificationError
from engine_builder.manifest import ClipFormat, Manifest, Outputs, Precision, Verification
from engine_builder.overflow import first_overflow
from engine_builder.reference import reference
from engine_builder.sample_clips import made_up_clips
from engine_builder.tensorrt.build import EngineOptions, Runtime, build_engine, define, load_runtime
from engine_builder.tensorrt.publish import add_engine
from engine_builder.wts import write_wts

from ..support.recipe import draw, narrow
from .serving_stub import Answering, ServingStub

OPTIONS = EngineOptions(Runtime.TENSORRT_RTX, max_batch=16)
SMALL = ClipFormat(frames=8, height=32, width=32)
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


@pytest.fixture(scope="module")
def trt() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_runtime(Runtime.TENSORRT_RTX)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_engine_is_built(trt: Any, full_size: tuple[str, Path], precision: Precision, tmp_path: Path) -> None:
    model = full_size[1]
    manifest = Manifest.load(model)
    onnx = model / manifest.onnx[precision].file
    definition = define(trt, onnx, ClipFormat(), OPTIONS)
    network = definition.network
    assert (network.num_inputs, network.num_outputs) == (1, 2)
    frames, probabilities, embedding = network.get_input(0), network.get_output(0), network.get_output(1)
    assert (embedding.name, embedding.dtype, tuple(embedding.shape)) == ("embedding", trt.float32, (-1, 512))
    assert (frames.name, frames.dtype, tuple(frames.shape)) == ("frames", trt.uint8, (-1, 32, 112, 112, 3))
    assert (probabilities.name, probabilities.dtype) == ("probabilities", trt.float32)
    assert tuple(probabilities.shape) == (-1, 400)
    shapes = [tuple(shape) for shape in definition.profile.get_shape("frames")]
    assert shapes == [(batch, 32, 112, 112, 3) for batch in (1, 8, 16)]
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    assert {layer.get_output(0).dtype for layer in convolutions} == {
        trt.float16 if precision == "fp16" else trt.float32
    }
    softmax = [layer for layer in layers if layer.type == trt.LayerType.SOFTMAX]
    assert [layer.get_output(0).dtype for layer in softmax] == [trt.float32]
    phases: list[tuple[str, int, int]] = []
    engine = build_engine(trt, onnx, ClipFormat(), OPTIONS, tmp_path / "cache", lambda *step: phases.append(step))
    assert len(engine) > onnx.stat().st_size // 2
    assert phases
    assert all(0 <= done <= total for _, done, total in phases)


def test_the_command_publishes_an_engine(tmp_path: Path) -> None:
    write_wts(tmp_path / "small.wts", draw(narrow("r3d_18", 16, 3)))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    command = [str(Path(sys.executable).with_name("r3d-engine")), "build", str(tmp_path / "small.wts")]
    options = ["--labels", str(tmp_path / "labels.txt"), "--engine", "tensorrt-rtx", "--precision", "fp16"]
    output = ["-o", str(tmp_path / "model")]
    refused = subprocess.run([*command, *options, *output], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "the engine cannot be verified: PyCUDA cannot be used here" in refused.stderr
    assert "--no-verify leaves it out" in refused.stderr
    assert Manifest.load(tmp_path / "model").engines == ()
    assert not (tmp_path / "model" / "model.fp16.engine").exists()
    done = subprocess.run(
        [*command, *options, *output, "--no-verify", "--max-batch", "4"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [engine] = Manifest.load(tmp_path / "model").engines
    assert (engine.file, engine.precision, engine.max_batch) == ("model.fp16.engine", "fp16", 4)
    assert (engine.runtime, engine.verification, engine.gpu_name) == ("tensorrt_rtx", None, None)
    assert engine.runtime_version.startswith("1.")
    verified = subprocess.run(
        [command[0], "verify", str(tmp_path / "model")], capture_output=True, text=True, timeout=60, check=False
    )
    assert verified.returncode == 1, "there is no GPU here to run it"
    assert "tensorrt-rtx fp16: cannot run here: the package pycuda is not installed" in verified.stdout
    assert verified.stdout.count("good") == 2, "what serves here is verified all the same"
    shown = subprocess.run(
        [command[0], "inspect", str(tmp_path / "model")], capture_output=True, text=True, timeout=60, check=True
    )
    assert f"model.fp16.engine sha256: {engine.sha256}" in shown.stdout


def test_a_network_the_parser_refuses(trt: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(BuildError, match="parser refuses"):
        define(trt, tmp_path / "bad.onnx", ClipFormat(), OPTIONS)


def test_a_runtime_that_is_missing() -> None:
    with pytest.raises(BuildError, match="pip install tensorrt"):
        load_runtime(Runtime.TENSORRT)


def test_an_overflow_in_half_precision_is_found(tmp_path: Path) -> None:
    directory = hot_model(tmp_path)
    [frames] = made_up_clips(SMALL, 1)
    layer = first_overflow(directory / "model.fp16.onnx", frames)
    assert layer is not None
    assert layer.startswith("layer2.0.")
    assert first_overflow(directory / "model.onnx", frames) is None


def hot_model(folder: Path) -> Path:
    """A small network in both precisions, of which fp16 overflows in layer 2."""
    tensors = draw(narrow("r3d_18", 16, 3))
    tensors["layer1.1.conv2.1.weight"] *= 100
    tensors["layer2.0.conv1.1.weight"] *= 30_000
    write_wts(folder / "hot.wts", tensors)
    options = BuildOptions(name="hot", labels=("a", "b", "c"), clip=SMALL, precisions=PRECISIONS)
    build_model(folder / "hot.wts", folder / "model", options)
    return folder / "model"


@pytest.mark.usefixtures("trt")
def test_only_an_engine_that_is_right_is_published(tmp_path: Path) -> None:
    directory = hot_model(tmp_path)
    right = reference(directory, Manifest.load(directory), made_up_clips(SMALL))
    overflow = Outputs(np.full_like(right.probabilities, np.nan), right.embeddings)
    wrong = Outputs(right.probabilities + np.float32(0.03), right.embeddings)
    for answers, reason in (
        (overflow, r"12 values are no numbers: fp16 overflows, first in layer2\.0\."),
        (wrong, r"differ by up to 0\.03; 0\.02 is allowed"),
        ("no GPU", "cannot be verified: no GPU; --no-verify leaves it out"),
    ):
        with pytest.raises(VerificationError, match=reason):
            add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(answers, "fp16")))
        assert Manifest.load(directory).engines == ()
        assert not (directory / "model.fp16.engine").exists()
    added = add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(right, "fp16")))
    assert added.verification == Verification(
        clips=4, max_abs_difference=0, top1_agreement=1, nan_count=0, max_embedding_distance=0
    )
    assert Manifest.load(directory).engines == (added,)


def test_the_calls_the_runtime_makes_exist_in_tensorrt_11() -> None:
    """Against NVIDIA's own runtime module: names, and that they are called as documented."""
    script = """
import json, tensorrt_lean_bindings as trt
names = {
    "Runtime": ["deserialize_cuda_engine"],
    "ICudaEngine": ["create_execution_context", "create_engine_inspector", "num_io_tensors", "get_tensor_name",
                    "get_tensor_dtype", "get_tensor_shape", "get_tensor_profile_shape"],
    "IExecutionContext": ["set_input_shape", "set_tensor_address", "execute_async_v3"],
}
missing = [f"{kind}.{name}" for kind in names for name in names[kind] if not hasattr(getattr(trt, kind), name)]
documented = {name: getattr(trt.IExecutionContext, name).__doc__ for name in names["IExecutionContext"]}
print(json.dumps([trt.__version__, missing, documented]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    version, missing, documented = json.loads(done.stdout)
    assert version.startswith("11.")
    assert missing == []
    assert "stream_handle" in documented["execute_async_v3"]
    assert "name: str, memory: typing.SupportsInt" in documented["set_tensor_address"]
    assert "name: str, shape: tuple" in documented["set_input_shape"]
