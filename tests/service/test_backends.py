from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import Manifest
from service.backends.choose import choose
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.openvino import OpenVinoBackend
from service.backends.protocol import Backend
from service.errors import StartupError
from service.settings import Settings


def clips(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 112, 112, 3), np.uint8)


def each(backend: Backend, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.concatenate([backend.infer(clip[None]) for clip in clips(count)])


def test_backends_agree(model_directory: Path) -> None:
    openvino = OpenVinoBackend(model_directory / "model.onnx")
    onnxruntime = OnnxRuntimeBackend(model_directory / "model.onnx")
    found, expected = each(openvino, 3), each(onnxruntime, 3)
    assert found.shape == (3, 9)
    assert found.dtype == expected.dtype == np.float32
    tolerance = 1e-4 if openvino.description.precision == "fp32" else 5e-2
    assert np.abs(found - expected).max() < tolerance


def test_results_are_not_overwritten_by_the_next_batch(model_directory: Path) -> None:
    backend = OpenVinoBackend(model_directory / "model.onnx", threads=1)
    one, two = clips(2)
    first = backend.infer(one[None])
    kept = first.copy()
    backend.infer(two[None])
    assert (first == kept).all()


def test_descriptions(model_directory: Path) -> None:
    description = OpenVinoBackend(model_directory / "model.onnx").description
    assert description.backend == "openvino"
    assert description.precision in ("bf16", "fp32")
    assert description.device


def test_the_choice_and_its_reason(model_directory: Path, manifest: Manifest) -> None:
    choice = choose(Settings(), model_directory, manifest)
    assert choice.name == "openvino"
    assert "first installed" in choice.reason
    choice = choose(Settings(backend="onnxruntime"), model_directory, manifest)
    assert choice.name == "onnxruntime"
    assert "R3D_BACKEND" in choice.reason
    assert isinstance(choice.factory(), OnnxRuntimeBackend)


def test_a_package_that_is_missing(model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.backends.choose.importlib.util.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="extra `cpu`"):
        choose(Settings(), model_directory, manifest)
    with pytest.raises(StartupError, match="openvino is not installed"):
        choose(Settings(backend="openvino"), model_directory, manifest)


def test_a_model_file_that_changed(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(StartupError, match="SHA-256"):
        choose(Settings(), tmp_path, manifest)
