"""TensorRT and PyCUDA installed, but not what they need: `auto` goes on without, and says why."""

import importlib
import importlib.util
import types
from pathlib import Path

import pytest

from engine_builder.manifest import Engine, Manifest
from service.errors import StartupError
from service.inference.selection import choose
from service.settings import Settings

NO_DRIVER = "libcuda.so.1: cannot open shared object file: No such file or directory"


@pytest.fixture
def with_engine(manifest: Manifest) -> Manifest:
    engine = Engine(
        file="model.fp16.engine",
        sha256="0" * 64,
        precision="fp16",
        max_batch=32,
        runtime="tensorrt",
        runtime_version="11.4.0.106",
        gpu_name="NVIDIA L4",
        compute_capability="8.9",
        portable=False,
        verification=None,
    )
    return manifest.model_copy(update={"engines": (engine,)})


@pytest.fixture(params=["pycuda.driver", "tensorrt"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of the two modules is found, and cannot be imported."""
    importing, finding = importlib.import_module, importlib.util.find_spec

    class Driver(types.ModuleType):
        Error = type("Error", (Exception,), {})

        @staticmethod
        def init() -> None:
            pass

        @staticmethod
        def Device(number: int) -> types.SimpleNamespace:  # noqa: N802
            return types.SimpleNamespace(name=lambda: "NVIDIA L4", compute_capability=lambda: (8, 9))

    def load(name: str, package: str | None = None) -> object:
        if name == request.param:
            raise ImportError(NO_DRIVER)
        return Driver(name) if name == "pycuda.driver" else importing(name, package)

    def find(name: str, package: str | None = None) -> object:
        return name if name in ("pycuda", "tensorrt") else finding(name, package)

    monkeypatch.setattr("service.inference.backends.tensorrt_engines.importlib.import_module", load)
    monkeypatch.setattr("service.inference.backends.tensorrt_engines.importlib.util.find_spec", find)
    return str(request.param)


@pytest.mark.usefixtures("broken")
def test_auto_falls_back_and_says_why(model_directory: Path, with_engine: Manifest) -> None:
    choice = choose(Settings(), model_directory, with_engine)
    assert choice.name == "openvino"
    assert f"TensorRT: the extra `gpu` cannot be used here ({NO_DRIVER})" in choice.reason


@pytest.mark.usefixtures("broken")
def test_tensorrt_asked_for_does_not_start(model_directory: Path, with_engine: Manifest) -> None:
    with pytest.raises(StartupError, match=r"R3D_BACKEND=tensorrt, but the extra `gpu` cannot be used here"):
        choose(Settings(backend="tensorrt"), model_directory, with_engine)
