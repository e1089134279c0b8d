"""What runs the bundled network on a CPU: the same results, whatever it is and however many streams it has."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine_builder.manifest import EMBEDDING, OUTPUT, Frames, Manifest, Outputs
from service.inference.backends.candidates import candidates_for
from service.inference.backends.onnxruntime import OnnxRuntimeBackend
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork, streams_of
from service.inference.backends.protocol import Backend
from service.inference.batcher import Batcher
from service.settings import Settings


def clips(count: int) -> Frames:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 112, 112, 3), np.uint8)


def each(backend: Backend, count: int) -> Outputs:
    return Outputs.joined([backend.infer(clip[None]) for clip in clips(count)])


def difference(found: Outputs, expected: Outputs) -> float:
    """The largest, of probabilities and embeddings."""
    assert found.embeddings is not None
    assert expected.embeddings is not None
    pairs = (found.probabilities, expected.probabilities), (found.embeddings, expected.embeddings)
    assert all(left.dtype == right.dtype == np.float32 and left.shape == right.shape for left, right in pairs)
    return max(float(np.abs(left - right).max()) for left, right in pairs)


def test_backends_agree(model_directory: Path) -> None:
    openvino = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1))
    onnxruntime = OnnxRuntimeBackend(model_directory / "model.onnx", "fp32")
    found, expected = each(openvino, 3), each(onnxruntime, 3)
    assert found.probabilities.shape == (3, 9)
    assert found.embeddings is not None
    assert found.embeddings.shape == (3, 64)
    tolerance = 1e-4 if openvino.description.precision == "fp32" else 5e-2
    assert difference(found, expected) < tolerance


def test_a_network_without_embeddings_gives_none(model_directory: Path, tmp_path: Path) -> None:
    """As version 0.1 built them."""
    model = onnx.load(model_directory / "model.onnx")
    assert [output.name for output in model.graph.output] == [OUTPUT, EMBEDDING]
    del model.graph.output[1]
    onnx.save(model, tmp_path / "model.onnx")
    openvino = OpenVinoBackend(OpenVinoNetwork(tmp_path / "model.onnx", "fp32", 0, 1))
    found, expected = each(openvino, 1), each(OnnxRuntimeBackend(tmp_path / "model.onnx", "fp32"), 1)
    assert found.embeddings is None
    assert expected.embeddings is None
    assert np.abs(found.probabilities - expected.probabilities).max() < 1e-4


def test_results_are_not_overwritten_by_the_next_batch(model_directory: Path) -> None:
    backend = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 1, 1))
    one, two = clips(2)
    first = backend.infer(one[None])
    assert first.embeddings is not None
    kept = first.probabilities.copy(), first.embeddings.copy()
    backend.infer(two[None])
    assert (first.probabilities == kept[0]).all()
    assert (first.embeddings == kept[1]).all()


def test_streams_share_a_network_and_agree(model_directory: Path) -> None:
    alone = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1))
    expected = [alone.infer(clip[None]) for clip in clips(6)]
    network = OpenVinoNetwork(model_directory / "model.onnx", "fp32", 2, 2)

    def in_a_thread_of_its_own(first: int) -> list[Outputs]:
        backend = OpenVinoBackend(network)
        assert backend.description == alone.description
        return [backend.infer(clip[None]) for clip in clips(6)[first::2]]

    with ThreadPoolExecutor(2) as pool:
        even, odd = pool.map(in_a_thread_of_its_own, (0, 1))
    assert difference(Outputs.joined(even), Outputs.joined(expected[::2])) < 0.02
    assert difference(Outputs.joined(odd), Outputs.joined(expected[1::2])) < 0.02


@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_two_threads_a_stream(threads: int, streams: int) -> None:
    assert streams_of(threads) == streams


def test_two_cores_may_have_a_clip_each(model_directory: Path, manifest: Manifest) -> None:
    settings = Settings(cpu_threads=2, backend="openvino", precision="fp32")
    candidates = candidates_for(settings, model_directory, manifest)
    assert [(len(each.factories), each.usual) for each in candidates] == [(1, True), (2, False)]


def test_many_cores_get_a_worker_a_stream(model_directory: Path, manifest: Manifest) -> None:
    settings = Settings(cpu_threads=4, backend="openvino", precision="fp32")
    candidates = candidates_for(settings, model_directory, manifest)
    assert [(len(each.factories), each.usual) for each in candidates] == [(1, False), (2, True), (4, False)]
    factories = candidates[1].factories
    batcher = Batcher(factories, (32, 112, 112, 3), 9, 4)
    for loaded in batcher.start():
        loaded.result(60)
    expected = each(factories[0](), 4)
    outcomes = [batcher.submit(clip, index).result(30) for index, clip in enumerate(clips(4))]
    assert np.abs(np.stack([outcome.probabilities for outcome in outcomes]) - expected.probabilities).max() < 0.02
    batcher.close()


def test_descriptions(model_directory: Path) -> None:
    description = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1)).description
    assert description.backend == "openvino"
    assert description.precision in ("bf16", "fp32")
    assert description.device


def test_a_quota_of_cpus_bounds_openvinos_threads(model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself OpenVINO counts the machine's cores, and binds its threads to the first of them."""

    def properties(threads: int) -> tuple[object, object]:
        network = OpenVinoNetwork(model_directory / "model.onnx", "fp32", threads, 1)
        compiled = network.request().get_compiled_model()
        return compiled.get_property("INFERENCE_NUM_THREADS"), compiled.get_property("ENABLE_CPU_PINNING")

    monkeypatch.setattr("service.inference.backends.openvino.quota_cpus", lambda: 1)
    assert properties(0) == (1, False)
    assert properties(2) == (2, False)
