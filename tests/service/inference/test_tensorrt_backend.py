"""The TensorRT backend's own work: staging, order, threads, errors. TensorRT and CUDA are stood in for; on a real GPU
`tests.gpu.standin` does the same with real CUDA."""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engine_builder.manifest import Outputs
from service.errors import BackendLostError, NotReadyError
from service.inference.backends.protocol import Backend, PipelinedBackend
from service.inference.batcher import Batcher

from ...support.fake_cuda import Machine
from ...support.stubs import CLASSES, FEATURES, SHAPE, clip_of

Make = Callable[..., Backend]
OUTPUTS = {"probabilities": CLASSES, "embedding": FEATURES}


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def make(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setitem(sys.modules, "pycuda", machine.pycuda())
    module = importlib.import_module("service.inference.backends.tensorrt")

    def factory(content: bytes = b"engine", device: int = 0) -> Backend:
        backend: Backend = module.TensorRtBackend(machine.tensorrt(), content, 4, SHAPE, OUTPUTS, "fp16", device)
        return backend

    yield factory
    del sys.modules["service.inference.backends.tensorrt"]


def test_every_clip_gets_its_own_answer_through_the_pipeline(make: Make, machine: Machine) -> None:
    batcher = Batcher([make], SHAPE, 9, 32)
    description = batcher.start()[0].result(10)
    assert (description.backend, description.precision, description.device) == ("tensorrt", "fp16", "fake GPU 0")
    allocated = len(machine.memory)
    futures = [batcher.submit(clip_of(index % 9)) for index in range(500)]
    found = [int(future.result(10).probabilities.argmax()) for future in futures]
    assert found == [index % 9 for index in range(500)]
    assert len(machine.memory) == allocated, "nothing is allocated while serving"
    batcher.close()


def labels(outputs: Outputs) -> list[int]:
    """Of each clip; the embedding says the same."""
    assert outputs.embeddings is not None
    assert outputs.embeddings.shape == (len(outputs.probabilities), FEATURES)
    found: list[int] = outputs.probabilities.argmax(1).tolist()
    assert (outputs.embeddings[:, 0] * CLASSES // 256).tolist() == found
    assert (np.diff(outputs.embeddings) == 1).all()
    return found


def test_two_batches_under_way_do_not_mix(make: Make) -> None:
    backend = make()
    assert isinstance(backend, PipelinedBackend)
    first = backend.start([clip_of(1), clip_of(2), clip_of(3)])
    second = backend.start([clip_of(4)])
    assert labels(backend.finish(first)) == [1, 2, 3]
    third = backend.start([clip_of(5), clip_of(6)])
    kept = backend.finish(second)
    assert labels(backend.finish(third)) == [5, 6]
    assert labels(kept) == [4]
    backend.close()


def test_the_primary_context_is_pushed_and_popped_in_the_worker(make: Make, machine: Machine) -> None:
    batcher = Batcher([make], SHAPE, 9, 32)
    batcher.start()[0].result(10)
    batcher.close()
    assert [what for what, _ in machine.contexts] == ["push", "pop"]
    threads = {thread for _, thread in machine.contexts}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_cuda_error_is_the_end_and_every_clip_is_told(make: Make, machine: Machine) -> None:
    batcher = Batcher([make], SHAPE, 9, 32)
    batcher.start()[0].result(10)
    machine.failing = True
    futures = [batcher.submit(clip_of(1)) for _ in range(30)]
    assert "illegal memory access" in batcher.failed.result(10)
    assert all(isinstance(future.exception(10), BackendLostError | NotReadyError) for future in futures)
    batcher.close()


def test_an_engine_that_does_not_load(make: Make) -> None:
    with pytest.raises(BackendLostError, match="cannot load the engine"):
        make(b"nonsense")


def test_several_gpus_share_one_queue(make: Make) -> None:
    batcher = Batcher([make, lambda: make(device=1)], SHAPE, 9, 32)
    assert [loaded.result(10).device for loaded in batcher.start()] == ["fake GPU 0", "fake GPU 1"]
    futures = [batcher.submit(clip_of(index % 9)) for index in range(300)]
    assert [int(future.result(10).probabilities.argmax()) for future in futures] == [i % 9 for i in range(300)]
    batcher.close()
