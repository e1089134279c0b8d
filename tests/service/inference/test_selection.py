"""Which backend is taken, and the reason that is given."""

import importlib
import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
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


NO_SYMBOL = "_driver.so: undefined symbol: cuCtxCreate_v4"
OTHER = "libcurand.so.10: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("machine", "broken", "error", "reason"),
    [
        (Machine(), "pycuda.driver", NO_DRIVER, f"there is no NVIDIA driver here ({NO_DRIVER})"),
        (Machine(), "pycuda.driver", NO_SYMBOL, "the NVIDIA driver is older than the CUDA that PyCUDA was built with"),
        (Machine(), "pycuda.driver", OTHER, f"PyCUDA is installed, but cannot be loaded ({OTHER}): build it again"),
        (Machine(), "tensorrt", OTHER, f"tensorrt is installed, but cannot be loaded ({OTHER}): install it again"),
        (Machine([]), None, "", "there is no NVIDIA GPU here (cuInit failed: no CUDA-capable device is detected)"),
        (
            Machine(driver=12040), None, "",
            "PyCUDA is for CUDA 13, the NVIDIA driver knows CUDA 12.4: update it to r580 or later, or install the "
            "extra `gpu-cu12`",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_for_a_gpu_is_a_reason_to_fall_back(
    model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch,
    machine: Machine, broken: str | None, error: str, reason: str,
) -> None:  # fmt: skip
    install(monkeypatch, machine, broken, error)
    with_engine = manifest.model_copy(update={"engines": (engine(),)})
    choice = choose(Settings(), model_directory, with_engine)
    assert choice.package in PACKAGES
    assert f"TensorRT: {reason}" in choice.reason
    with pytest.raises(StartupError, match=re.escape(f"R3D_BACKEND=tensorrt, but {reason}")):
        choose(Settings(backend="tensorrt"), model_directory, with_engine)


def test_a_gpu_that_is_not_there(model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Machine())
    with_engine = manifest.model_copy(update={"engines": (engine(),)})
    with pytest.raises(StartupError, match=r"there is no GPU 0, 7 here \(invalid device ordinal\)"):
        choose(Settings(backend="tensorrt", devices=(0, 7)), model_directory, with_engine)


def test_tensorrt_of_a_cuda_that_the_driver_does_not_know_is_not_even_loaded(
    model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVIDIA's module would hand out a runtime that refers to nothing, and end the process when it is used."""
    machine = Machine(driver=12080)
    install(monkeypatch, machine, "tensorrt", "it was loaded")
    monkeypatch.setattr(importlib.import_module("pycuda.driver"), "get_version", lambda: (12, 8, 0))
    monkeypatch.setattr("service.inference.backends.gpu_packages.version", only("tensorrt-cu13-bindings"))
    with_engine = manifest.model_copy(update={"engines": (engine(),)})
    with pytest.raises(StartupError, match=r"tensorrt is for CUDA 13, the NVIDIA driver knows CUDA 12\.8"):
        choose(Settings(backend="tensorrt"), model_directory, with_engine)


def only(distribution: str) -> Callable[[str], str]:
    """For `importlib.metadata.version`: only this is installed."""

    def version(name: str) -> str:
        if name != distribution:
            raise PackageNotFoundError(name)
        return "11.4.0.106"

    return version


def test_a_provider_that_is_missing(model_directory: Path, manifest: Manifest) -> None:
    settings = Settings(backend="onnxruntime", onnxruntime_provider="MIGraphXExecutionProvider")
    with pytest.raises(StartupError, match="no MIGraphXExecutionProvider"):
        choose(settings, model_directory, manifest)
