"""What runs the bundled network on a CPU: the same results, whatever it is and however many streams it has."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import Frames, Manifest, Probabilities
from service.inference.backends.candidates import candidates_for
from service.inference.backends.onnxruntime import OnnxRuntimeBackend
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork, streams_of
from service.inference.backends.protocol import Backend
from service.inference.batcher import Batcher
from service.settings import Settings


def clips(count: int) -> Frames:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 112, 112, 3), np.uint8)


def each(backend: Backend, count: int) -> Probabilities:
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

    def in_a_thread_of_its_own(first: int) -> list[Probabilities]:
        backend = OpenVinoBackend(network)
        assert backend.description == alone.description
        return [backend.infer(clip[None])[0] for clip in clips(6)[first::2]]

    with ThreadPoolExecutor(2) as pool:
        even, odd = pool.map(in_a_thread_of_its_own, (0, 1))
    assert np.abs(np.stack(even) - expected[::2]).max() < 0.02
    assert np.abs(np.stack(odd) - expected[1::2]).max() < 0.02


@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_two_threads_a_stream(threads: int, streams: int) -> None:
    assert streams_of(threads) == streams


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
    assert np.abs(np.stack([outcome.probabilities for outcome in outcomes]) - expected).max() < 0.02
    batcher.close()


def test_descriptions(model_directory: Path) -> None:
    description = OpenVinoBackend(OpenVinoNetwork(model_directory / "model.onnx", "fp32", 0, 1)).description
    assert description.backend == "openvino"
    assert description.precision in ("bf16", "fp32")
    assert description.device
