"""What becomes of an engine once it is built: verified, published, kept by the next build. With TensorRT-RTX."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.errors import BuildError, VerificationError
from engine_builder.manifest import Manifest, Outputs, Verification
from engine_builder.reference import reference
from engine_builder.sample_clips import made_up_clips
from engine_builder.tensorrt.build import (
    EngineOptions,
    Runtime,
)
from engine_builder.tensorrt.publish import add_engine
from engine_builder.wts import write_wts

from ..support.processor import ways_on_this_processor
from ..support.recipe import draw, narrow
from .serving_stub import Answering, ServingStub
from .small_models import OPTIONS, PRECISIONS, SMALL, cool_model, hot_model


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
    good = verified.stdout.count("good")
    assert good == ways_on_this_processor(), "what serves here is verified all the same"
    shown = subprocess.run(
        [command[0], "inspect", str(tmp_path / "model")], capture_output=True, text=True, timeout=60, check=True
    )
    assert f"{engine.file} sha256: {engine.sha256}" in shown.stdout


def test_nothing_is_built_where_it_could_not_run(tmp_path: Path) -> None:
    """Without CUDA, NVIDIA's module may end the process; here there is no GPU."""
    directory = cool_model(tmp_path)
    with pytest.raises(BuildError, match=r"no engine can be built here: .*pycuda"):
        add_engine(directory, "fp16", EngineOptions(Runtime.TENSORRT), None)


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
        assert list(directory.glob("*.engine")) == []
    added = add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(right, "fp16")))
    assert added.verification == Verification(
        clips=4, max_abs_difference=0, top1_agreement=1, nan_count=0, max_embedding_distance=0
    )
    assert Manifest.load(directory).engines == (added,)


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
    overflow = Outputs(np.full_like(right.probabilities, np.nan), right.embeddings)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("engine_builder.tensorrt.beside.reference", lambda *_: right)
    with pytest.raises(VerificationError) as raised:
        add_engine(directory, "fp16", OPTIONS, ServingStub(Answering(overflow, "fp16")))
    assert str(raised.value) == (
        "12 values are no numbers: fp16 overflows; in which layer is not known: "
        "install the extra `onnxruntime` and run `r3d-engine verify` to look for it"
    )
