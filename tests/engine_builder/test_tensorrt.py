"""Engines built for real, with TensorRT-RTX, which does so without a GPU."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine_builder.errors import BuildError
from engine_builder.manifest import ClipFormat, Gpu, Manifest, Precision
from engine_builder.overflow import first_overflow
from engine_builder.sample_clips import made_up_clips
from engine_builder.tensorrt.build import (
    EngineOptions,
    Runtime,
    _monitor,
    build_engine,
    define,
    largest_batch,
    load_runtime,
)

from ..support.fake_builder import VERSION, fake_tensorrt, timings_in
from .small_models import OPTIONS, PRECISIONS, SMALL, cool_model, hot_model


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
    engine = build_engine(trt, onnx, ClipFormat(), OPTIONS, tmp_path, lambda *step: phases.append(step))
    assert len(engine) > onnx.stat().st_size // 2
    assert phases
    assert all(0 <= done <= total for _, done, total in phases)


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


def test_fp32_is_multiplied_in_full(trt: Any, tmp_path: Path) -> None:
    """With TF32, which is on by default, an fp32 engine fails its own check."""
    onnx = cool_model(tmp_path) / "model.onnx"
    definition = define(trt, onnx, SMALL, OPTIONS)
    assert not definition.config.get_flag(trt.BuilderFlag.TF32)


def test_a_batch_that_is_too_large_is_refused_with_the_largest(trt: Any, full_size: tuple[str, Path]) -> None:
    onnx = full_size[1] / "model.onnx"
    largest = largest_batch(define(trt, onnx, ClipFormat(), OPTIONS).network)
    # A clip of 32 frames of 112 x 112 has 1.2 million values; the stem makes 6.4 million of it, or 12 of them.
    assert 100 < largest < 335
    define(trt, onnx, ClipFormat(), replace(OPTIONS, max_batch=largest))
    with pytest.raises(BuildError, match=rf"--max-batch {largest + 1}: .* so {largest} is the largest"):
        define(trt, onnx, ClipFormat(), replace(OPTIONS, max_batch=largest + 1))


def test_phases_that_are_not_known_do_not_stop_a_build(trt: Any) -> None:
    steps: list[tuple[str, int, int]] = []
    monitor = _monitor(trt, lambda *step: steps.append(step))
    assert monitor.step_complete("never started", 3)
    monitor.phase_finish("never started")
    monitor.phase_start("known", None, 2)
    assert monitor.step_complete("known", 0)
    monitor.phase_finish("known")
    assert steps[-3:] == [("known", 0, 2), ("known", 1, 2), ("known", 2, 2)]


def test_timings_are_kept_by_version_and_gpu(trt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx, options = cool_model(tmp_path) / "model.onnx", EngineOptions(Runtime.TENSORRT)
    tensorrt, configs = fake_tensorrt(trt)
    (tmp_path / "timing.cache").write_bytes(b"of an older program")
    build_engine(tensorrt, onnx, SMALL, options, tmp_path)
    assert configs[-1].offered == [b""]
    name = f"timing-{VERSION}-none.cache"
    assert timings_in(tmp_path)[name] == b"timings"
    build_engine(tensorrt, onnx, SMALL, options, tmp_path)
    assert configs[-1].offered == [b"timings"], "what was kept is used"
    monkeypatch.setattr("engine_builder.tensorrt.build.find_gpu", lambda: Gpu("NVIDIA L4", "8.9"))
    build_engine(tensorrt, onnx, SMALL, options, tmp_path)
    assert configs[-1].offered == [b""]
    assert f"timing-{VERSION}-8.9.cache" in timings_in(tmp_path)


def test_timings_that_are_not_taken_are_left_out(trt: Any, tmp_path: Path) -> None:
    onnx, options = cool_model(tmp_path) / "model.onnx", EngineOptions(Runtime.TENSORRT)
    (tmp_path / f"timing-{VERSION}-none.cache").write_bytes(b"damaged")
    tensorrt, configs = fake_tensorrt(trt)
    assert build_engine(tensorrt, onnx, SMALL, options, tmp_path) == b"an engine"
    assert configs[-1].offered == [b"damaged", b""]
    assert list(timings_in(tmp_path).values()) == [b"timings"]


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
