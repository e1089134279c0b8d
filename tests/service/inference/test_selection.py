"""Which backend is taken, and the reason that is given."""

import sys
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest
from service.errors import StartupError
from service.inference.backends.candidates import PACKAGES
from service.inference.backends.onnxruntime import OnnxRuntimeBackend
from service.inference.selection import choose
from service.settings import Settings

from ...support.fake_cuda import Machine
from ...support.fake_gpu_packages import NO_DRIVER, engine, install


def test_the_choice_and_its_reason(model_directory: Path, manifest: Manifest) -> None:
    choice = choose(Settings(), model_directory, manifest)
    fastest = f"{choice.package} {choice.precision}"
    assert choice.reason.startswith(f"TensorRT: the model has no TensorRT engine; {fastest}")
    choice = choose(Settings(backend="onnxruntime"), model_directory, manifest)
    assert (choice.package, choice.precision) == ("onnxruntime", "fp32")
    assert choice.reason == "onnxruntime fp32 is the only way here that the settings allow"
    assert isinstance(choice.factories[0](), OnnxRuntimeBackend)


def test_a_package_that_is_missing(model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(StartupError, match="R3D_BACKEND=openvino, but the package openvino is not installed"):
        choose(Settings(backend="openvino"), model_directory, manifest)
    assert choose(Settings(), model_directory, manifest).package == "onnxruntime"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(StartupError, match="extra `cpu`"):
        choose(Settings(), model_directory, manifest)


def test_a_model_file_that_changed(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(StartupError, match="SHA-256"):
        choose(Settings(), tmp_path, manifest)


def test_without_pycuda_auto_falls_back_and_says_so(
    model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycuda", None)
    with_engine = manifest.model_copy(update={"engines": (engine(runtime="tensorrt_rtx"),)})
    choice = choose(Settings(), model_directory, with_engine)
    assert choice.package in PACKAGES
    assert "TensorRT: the package pycuda is not installed" in choice.reason
    with pytest.raises(StartupError, match="R3D_BACKEND=tensorrt, but the package pycuda is not installed"):
        choose(Settings(backend="tensorrt"), model_directory, with_engine)


@pytest.mark.parametrize("broken", ["pycuda.driver", "tensorrt"])
def test_without_a_driver_auto_falls_back_and_says_so(
    model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """TensorRT and PyCUDA are installed, but not what they need."""
    install(monkeypatch, Machine(), broken)
    with_engine = manifest.model_copy(update={"engines": (engine(),)})
    choice = choose(Settings(), model_directory, with_engine)
    assert choice.package in PACKAGES
    assert f"TensorRT: the extra `gpu` cannot be used here ({NO_DRIVER})" in choice.reason
    with pytest.raises(StartupError, match=r"R3D_BACKEND=tensorrt, but the extra `gpu` cannot be used here"):
        choose(Settings(backend="tensorrt"), model_directory, with_engine)


def test_a_provider_that_is_missing(model_directory: Path, manifest: Manifest) -> None:
    settings = Settings(backend="onnxruntime", onnxruntime_provider="MIGraphXExecutionProvider")
    with pytest.raises(StartupError, match="no MIGraphXExecutionProvider"):
        choose(settings, model_directory, manifest)
