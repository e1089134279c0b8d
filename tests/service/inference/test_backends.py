import hashlib
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import Engine, Gpu, Manifest
from service.errors import StartupError
from service.inference.backends.onnxruntime import OnnxRuntimeBackend
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork, streams_of
from service.inference.backends.protocol import Backend
from service.inference.selection import choose
from service.inference.backends.tensorrt_engines import UsableEngine, find_engine, refusal
from service.inference.batcher import Batcher
from service.settings import Settings


def clips(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 112, 112, 3), np.uint8)


def each(backend: Backend, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.concatenate([backend.infer(clip[None]) for clip in clips(count)])


def test_backends_agree(model_directory: Path) -> None:
    openvino = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1))
    onnxruntime = OnnxRuntimeBackend(model_directory / "model.onnx", "fp32")
    found, expected = each(openvino, 3), each(onnxruntime, 3)
    assert found.shape == (3, 9)
    assert found.dtype == expected.dtype == np.float32
    tolerance = 1e-4 if openvino.description.precision == "fp32" else 5e-2
    assert np.abs(found - expected).max() < tolerance


def test_results_are_not_overwritten_by_the_next_batch(model_directory: Path) -> None:
    backend = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 1, 1))
    one, two = clips(2)
    first = backend.infer(one[None])
    kept = first.copy()
    backend.infer(two[None])
    assert (first == kept).all()


def test_streams_share_a_network_and_agree(model_directory: Path) -> None:
    alone = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1))
    expected = each(alone, 6)
    network = OpenVinoNetwork(model_directory / "model.onnx", "fp32", 2, 2)
    with ThreadPoolExecutor(2) as pool:
        pair = list(pool.map(lambda _: OpenVinoBackend(network), range(2)))
        found = list(pool.map(lambda index: pair[index % 2].infer(clips(6)[index][None])[0], range(6)))
    assert pair[0].description == pair[1].description == alone.description
    assert np.abs(np.stack(found) - expected).max() < 0.02


@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_two_threads_a_stream(threads: int, streams: int) -> None:
    assert streams_of(threads) == streams


def test_many_cores_get_a_worker_a_stream(model_directory: Path, manifest: Manifest) -> None:
    settings = Settings(cpu_threads=4, backend="openvino")
    factories = choose(settings, model_directory, manifest).factories
    assert len(factories) == 2
    batcher = Batcher(factories, (32, 112, 112, 3), 9, 4)
    for loaded in batcher.start():
        loaded.result(60)
    expected = each(factories[0](), 4)
    outcomes = [batcher.submit(clip, index).result(30) for index, clip in enumerate(clips(4))]
    assert np.abs(np.stack([outcome.probabilities for outcome in outcomes]) - expected).max() < 0.02
    batcher.close()


def test_descriptions(model_directory: Path) -> None:
    description = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1)).description
    assert description.backend == "openvino"
    assert description.precision in ("bf16", "fp32")
    assert description.device


def test_the_choice_and_its_reason(model_directory: Path, manifest: Manifest) -> None:
    choice = choose(Settings(), model_directory, manifest)
    assert choice.name == "openvino"
    assert "TensorRT: the model has no TensorRT engine; openvino is the first" in choice.reason
    choice = choose(Settings(backend="onnxruntime"), model_directory, manifest)
    assert choice.name == "onnxruntime"
    assert "R3D_BACKEND" in choice.reason
    assert isinstance(choice.factories[0](), OnnxRuntimeBackend)


def test_a_package_that_is_missing(model_directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.inference.selection.importlib.util.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="extra `cpu`"):
        choose(Settings(), model_directory, manifest)
    with pytest.raises(StartupError, match="openvino is not installed"):
        choose(Settings(backend="openvino"), model_directory, manifest)


def test_a_model_file_that_changed(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(StartupError, match="SHA-256"):
        choose(Settings(), tmp_path, manifest)


def engine(**changes: object) -> Engine:
    made = Engine(
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
    return made.model_copy(update=changes)


L4, H200, T4 = Gpu("NVIDIA L4", "8.9"), Gpu("NVIDIA H200", "9.0"), Gpu("Tesla T4", "7.5")


@pytest.mark.parametrize(
    ("changes", "version", "gpu", "reason"),
    [
        ({}, "11.4.0.106", L4, None),
        ({}, "11.4.0.106", H200, "made for NVIDIA L4"),
        ({}, "11.5.0.1", L4, "made by tensorrt 11.4.0.106, 11.5.0.1 is installed"),
        ({"portable": True}, "11.5.0.1", H200, None),
        ({"portable": True}, "12.0.0.1", H200, None),
        ({"portable": True}, "10.13.0.1", H200, "10.13.0.1 is installed"),
        ({"portable": True}, "11.4.0.106", T4, "Ampere"),
        ({"runtime": "tensorrt_rtx", "gpu_name": None, "compute_capability": None}, "11.4.0.106", L4, None),
    ],
)
def test_engines_for_another_gpu_or_version_are_refused(
    changes: dict[str, object], version: str, gpu: Gpu, reason: str | None
) -> None:
    found = refusal(engine(**changes), version, gpu)
    assert found is None if reason is None else found is not None and reason in found


class FakeDriver:
    """PyCUDA's driver on a machine with one L4."""

    class Error(Exception):
        pass

    class Device:
        def __init__(self, number: int) -> None:
            if number:
                raise FakeDriver.Error("invalid device ordinal")

        def name(self) -> str:
            return "NVIDIA L4"

        def compute_capability(self) -> tuple[int, int]:
            return 8, 9

    @staticmethod
    def init() -> None:
        pass


@pytest.fixture
def machine_with_l4(monkeypatch: pytest.MonkeyPatch) -> None:
    trt = types.ModuleType("tensorrt")
    trt.__version__ = "11.4.0.106"  # type: ignore[attr-defined]
    found = {"tensorrt": trt, "pycuda.driver": FakeDriver}
    monkeypatch.setattr("service.inference.backends.tensorrt_engines.importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("service.inference.backends.tensorrt_engines.importlib.import_module", lambda name: found[name])


@pytest.mark.usefixtures("machine_with_l4")
def test_an_engine_that_fits_is_found_and_its_hash_checked(tmp_path: Path, manifest: Manifest) -> None:
    content = b"an engine"
    (tmp_path / "model.fp16.engine").write_bytes(content)
    good = engine(sha256=hashlib.sha256(content).hexdigest())
    slow = engine(file="model.fp32.engine", precision="fp32")
    found = find_engine(tmp_path, manifest.model_copy(update={"engines": (slow, good)}), (0,))
    assert isinstance(found, UsableEngine)
    assert found.engine == good
    bad = find_engine(tmp_path, manifest.model_copy(update={"engines": (engine(),)}), (0,))
    assert isinstance(bad, str)
    assert "SHA-256" in bad


@pytest.mark.usefixtures("machine_with_l4")
def test_the_reason_says_how_to_rebuild(tmp_path: Path, manifest: Manifest) -> None:
    other = manifest.model_copy(update={"engines": (engine(gpu_name="NVIDIA A10", compute_capability="8.6"),)})
    found = find_engine(tmp_path, other, (0,))
    assert isinstance(found, str)
    assert f"r3d-engine build WEIGHTS.wts -o {tmp_path} --engine tensorrt --precision fp16" in found
    missing = find_engine(tmp_path, other, (0, 1))
    assert isinstance(missing, str)
    assert "invalid device ordinal" in missing


def test_without_pycuda_auto_falls_back_and_says_so(model_directory: Path, manifest: Manifest) -> None:
    with_engine = manifest.model_copy(update={"engines": (engine(runtime="tensorrt_rtx"),)})
    choice = choose(Settings(), model_directory, with_engine)
    assert choice.name == "openvino"
    assert "TensorRT: the package pycuda is not installed" in choice.reason
    with pytest.raises(StartupError, match="R3D_BACKEND=tensorrt, but"):
        choose(Settings(backend="tensorrt"), model_directory, with_engine)


def test_a_provider_that_is_missing(model_directory: Path, manifest: Manifest) -> None:
    with pytest.raises(StartupError, match="no MIGraphXExecutionProvider"):
        choose(
            Settings(backend="onnxruntime", onnxruntime_provider="MIGraphXExecutionProvider"), model_directory, manifest
        )
