"""Engines built for real, with TensorRT-RTX, which does so without a GPU."""

import importlib.util
import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.errors import BuildError, VerificationError
from engine_builder.manifest import ClipFormat, Gpu, Manifest, Precision, Verification
from engine_builder.overflow import first_overflow
from engine_builder.reference import reference
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
from engine_builder.tensorrt.publish import add_engine
from engine_builder.wts import write_wts

from ..support.fake_builder import VERSION, fake_tensorrt, timings_in
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
    assert (network.num_inputs, network.num_outputs) == (1, 1)
    frames, probabilities = network.get_input(0), network.get_output(0)
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


def test_the_command_publishes_an_engine(tmp_path: Path) -> None:
    write_wts(tmp_path / "small.wts", draw(narrow("r3d_18", 16, 3)))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    command = [str(Path(sys.executable).with_name("r3d-engine")), "build", str(tmp_path / "small.wts")]
    options = ["--labels", str(tmp_path / "labels.txt"), "--engine", "tensorrt-rtx", "--precision", "fp16"]
    output = ["-o", str(tmp_path / "model")]
    refused = subprocess.run([*command, *options, *output], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "the engine cannot be verified: the package pycuda is not installed" in refused.stderr
    assert "--no-verify leaves it out" in refused.stderr
    assert Manifest.load(tmp_path / "model").engines == ()
    assert list((tmp_path / "model").glob("*.engine")) == []
    done = subprocess.run(
        [*command, *options, *output, "--no-verify", "--max-batch", "4"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [engine] = Manifest.load(tmp_path / "model").engines
    assert (engine.file, engine.max_batch) == (f"model.fp16.{engine.sha256[:12]}.engine", 4)
    assert engine.onnx_sha256 == Manifest.load(tmp_path / "model").onnx["fp16"].sha256
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
    assert f"{engine.file} sha256: {engine.sha256}" in shown.stdout


def test_a_network_the_parser_refuses(trt: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(BuildError, match="parser refuses"):
        define(trt, tmp_path / "bad.onnx", ClipFormat(), OPTIONS)


def test_a_runtime_that_is_missing() -> None:
    with pytest.raises(BuildError, match="pip install tensorrt"):
        load_runtime(Runtime.TENSORRT)


def test_nothing_is_built_where_it_could_not_run(tmp_path: Path) -> None:
    """Without CUDA, NVIDIA's module may end the process; here there is no GPU."""
    directory = cool_model(tmp_path)
    with pytest.raises(BuildError, match=r"no engine can be built here: .*pycuda"):
        add_engine(directory, "fp16", EngineOptions(Runtime.TENSORRT), None)


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
    overflow, wrong = np.full_like(right, np.nan), right + np.float32(0.03)
    for answers, reason in (
        (overflow, r"12 probabilities are no numbers: fp16 overflows, first in layer2\.0\."),
        (wrong, r"differ by up to 0\.03; 0\.02 is allowed"),
        ("no GPU", "cannot be verified: no GPU; --no-verify leaves it out"),
    ):
        with pytest.raises(VerificationError, match=reason):
            add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(answers, "fp16")))
        assert Manifest.load(directory).engines == ()
        assert list(directory.glob("*.engine")) == []
    added = add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(right, "fp16")))
    assert added.verification == Verification(clips=4, max_abs_difference=0, top1_agreement=1, nan_count=0)
    assert Manifest.load(directory).engines == (added,)


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


def cool_model(folder: Path) -> Path:
    """A small network in both precisions."""
    write_wts(folder / "cool.wts", draw(narrow("r3d_18", 16, 3)))
    options = BuildOptions(name="cool", labels=("a", "b", "c"), clip=SMALL, precisions=PRECISIONS)
    build_model(folder / "cool.wts", folder / "model", options)
    return folder / "model"


def test_a_rebuild_keeps_the_engines_of_the_same_network(
    trt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a build runs, and if it fails, a service that starts finds what was there before."""
    directory = cool_model(tmp_path)
    made = [add_engine(directory, precision, OPTIONS, None) for precision in PRECISIONS]
    options = BuildOptions(name="cool", labels=("a", "b", "c"), clip=SMALL)
    again = build_model(tmp_path / "cool.wts", directory, options)  # in fp32 only
    assert again.engines == tuple(made)
    assert list(again.onnx) == ["fp32", "fp16"]
    monkeypatch.setattr("engine_builder.tensorrt.publish.build_engine", lambda *_: b"a newer engine")
    newer = add_engine(directory, "fp16", OPTIONS, None)
    now = Manifest.load(directory)
    assert now.engines == (made[0], newer)
    files = {path.name for path in directory.glob("*.engine")}
    assert files == {made[0].file, newer.file}, "the one that was replaced is gone"
    other = draw(narrow("r3d_18", 16, 3), seed=1)
    write_wts(tmp_path / "other.wts", other)
    assert build_model(tmp_path / "other.wts", directory, options).engines == ()


def test_an_engine_of_a_network_that_changed_meanwhile_is_not_published(
    trt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = cool_model(tmp_path)
    other = BuildOptions(name="other", labels=("a", "b", "c"), clip=SMALL.model_copy(update={"mean": (0.0, 0.0, 0.0)}))

    def build(*_: object) -> bytes:
        build_model(tmp_path / "cool.wts", directory, other)
        return b"late"

    monkeypatch.setattr("engine_builder.tensorrt.publish.build_engine", build)
    with pytest.raises(BuildError, match="was changed while the engine was built"):
        add_engine(directory, "fp16", OPTIONS, None)
    assert Manifest.load(directory).engines == ()


def test_engines_of_old_manifests_are_kept_too(trt: Any, tmp_path: Path) -> None:
    directory = cool_model(tmp_path)
    made = add_engine(directory, "fp16", OPTIONS, None)
    manifest = Manifest.load(directory)
    old = made.model_copy(update={"onnx_sha256": None})
    manifest.model_copy(update={"engines": (old,)}).save(directory)
    assert cool_model(tmp_path) == directory
    assert Manifest.load(directory).engines == (made,)


def test_without_a_reference_nothing_is_built(trt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes long, and could not be published."""
    directory = cool_model(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    built: list[object] = []
    monkeypatch.setattr("engine_builder.tensorrt.publish.build_engine", lambda *_: built.append(1))
    with pytest.raises(VerificationError, match="nothing to run the model with"):
        add_engine(directory, "fp16", OPTIONS, ServingStub(Answering("not asked", "fp16")))
    assert built == []


def test_numbers_that_are_none_are_told_of_without_onnx_runtime(
    trt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where only the extra `gpu` is installed, with OpenVINO for the reference."""
    directory = hot_model(tmp_path)
    right = reference(directory, Manifest.load(directory), made_up_clips(SMALL))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("engine_builder.tensorrt.publish.reference", lambda *_: right)
    with pytest.raises(VerificationError) as raised:
        add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(np.full_like(right, np.nan), "fp16")))
    assert str(raised.value) == (
        "12 probabilities are no numbers: fp16 overflows; in which layer is not known: "
        "install the extra `onnxruntime` and run `r3d-engine verify` to look for it"
    )


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
