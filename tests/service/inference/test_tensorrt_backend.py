"""The TensorRT backend's own work: staging, order, threads, errors. TensorRT and CUDA are stood in for; on a real GPU
`tests.gpu.standin` does the same with real CUDA."""

import importlib
import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine_builder.manifest import Outputs
from service.errors import BackendLostError, NotReadyError
from service.inference.backends.protocol import Backend, PipelinedBackend
from service.inference.batcher import Batcher

from ...support.fake_cuda import Machine
from ...support.fake_gpu_packages import engine
from ...support.stubs import CLASSES, FEATURES, SHAPE, clip_of

SPARE = 64 << 20  # of memory, which is left to others
Make = Callable[..., Backend]
OUTPUTS = {"probabilities": CLASSES, "embedding": FEATURES}


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def make(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setitem(sys.modules, "pycuda", machine.pycuda())
    backend_module = importlib.import_module("service.inference.backends.tensorrt")
    trt = machine.tensorrt()
    made: list[tuple[Backend, int]] = []

    def factory(content: bytes = b"engine", device: int = 0, **entry: object) -> Backend:
        described = engine(max_batch=4, **entry)
        backend: Backend = backend_module.TensorRtBackend(trt, content, described, SHAPE, OUTPUTS, device)
        made.append((backend, threading.get_ident()))
        return backend

    yield factory
    for backend, thread in made:
        if thread == threading.get_ident():  # a test that failed must not end the process too
            backend.close()
    for name in ("tensorrt", "cuda", "tensorrt_memory"):
        del sys.modules[f"service.inference.backends.{name}"]


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


def test_the_primary_context_is_pushed_popped_and_released_in_the_worker(make: Make, machine: Machine) -> None:
    batcher = Batcher([make], SHAPE, 9, 32)
    batcher.start()[0].result(10)
    batcher.close()
    assert [what for what, _ in machine.contexts] == ["push", "pop", "detach"]
    threads = {thread for _, thread in machine.contexts}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert (machine.retained, machine.used) == (0, 0)


def test_a_cuda_error_is_the_end_and_every_clip_is_told(make: Make, machine: Machine) -> None:
    batcher = Batcher([make], SHAPE, 9, 32)
    batcher.start()[0].result(10)
    machine.failing = True
    futures = [batcher.submit(clip_of(1)) for _ in range(30)]
    assert "illegal memory access" in batcher.failed.result(10)
    assert all(isinstance(future.exception(10), BackendLostError | NotReadyError) for future in futures)
    batcher.close()


def test_after_a_cuda_error_nothing_is_left(make: Make, machine: Machine) -> None:
    """Exceptions refer to the frames that raised them, and those to the memory."""
    batcher = Batcher([make], SHAPE, 9, 32)
    batcher.start()[0].result(10)
    machine.failing = True
    error = batcher.submit(clip_of(1)).exception(10)
    batcher.close()
    assert isinstance(error, BackendLostError)
    assert (machine.retained, machine.used, machine.stacks.contexts) == (0, 0, [])


@pytest.mark.parametrize(
    ("arrange", "content", "reason"),
    [
        ({}, b"nonsense", "tensorrt cannot load model.fp16.engine: its messages are in the log"),
        (
            {"logged": [(1, "Magic tag does not match"), (2, "harmless")]},
            b"nonsense",
            "engine: Magic tag does not match$",
        ),
        ({"refuses": {"probabilities"}}, b"engine", "the engine has no tensor 'probabilities'"),
        (
            {"room": SPARE + 975},
            b"engine",
            "the GPU has 0 MiB free; the engine needs 0 for one clip at a time",
        ),
    ],
)
def test_an_engine_that_does_not_load_leaves_nothing(
    make: Make, machine: Machine, arrange: dict[str, object], content: bytes, reason: str
) -> None:
    """No context on the stack, at which PyCUDA ends the process, and no memory."""
    for name, value in arrange.items():
        setattr(machine, name, value)
    errors = []

    def load() -> None:
        try:
            make(content)
        except BackendLostError as error:
            errors.append(error)  # kept, with its frames

    thread = threading.Thread(target=load)
    thread.start()
    thread.join(10)
    [error] = errors
    assert re.search(reason, str(error))
    assert [what for what, _ in machine.contexts] == ["push", "pop", "detach"]
    assert (machine.retained, machine.used) == (0, 0)


def test_a_gpu_that_is_not_there(make: Make, machine: Machine) -> None:
    with pytest.raises(BackendLostError, match="GPU 7 cannot be used: invalid device ordinal"):
        make(device=7)
    assert machine.contexts == []


def test_only_a_portable_engine_may_run_its_own_code(make: Make, machine: Machine) -> None:
    make().close()
    make(portable=True).close()
    assert machine.host_code == [False, True]


def test_what_tensorrt_says_is_in_the_log(make: Make, machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.logged = [(0, "internal"), (1, "an error"), (2, "a warning"), (3, "for information"), (4, "chatter")]
    with caplog.at_level(logging.DEBUG, "service.inference.backends.tensorrt_log"):
        make()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "internal"), ("ERROR", "an error"), ("WARNING", "a warning"), ("DEBUG", "for information"),
    ]  # fmt: skip


def test_batches_have_streams_that_wait_for_no_other(make: Make, machine: Machine) -> None:
    make()
    assert [stream.flags for stream in machine.streams.values()] == [1, 1]


def test_where_memory_is_short_batches_are_smaller(
    make: Make, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """Two contexts of 400 bytes and their buffers of 4 clips take 3904 bytes."""
    machine.room = SPARE + 3904
    backend = make()
    assert (backend.max_batch, machine.strategies) == (4, ["STATIC", "STATIC"])
    backend.close()
    machine.strategies.clear()
    machine.room -= 1
    backend = make()
    assert (backend.max_batch, list(backend.warm_up)) == (2, [1, 2])
    assert set(machine.strategies) == {"USER_MANAGED"}
    assert "batches are of 2 at most" in caplog.text
    assert labels(backend.infer(np.stack([clip_of(3), clip_of(7)]))) == [3, 7]
    backend.close()
    assert machine.used == 0


def test_kernels_are_compiled_once(
    make: Make, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("service.inference.backends.rtx_cache.user_cache_path", lambda _: tmp_path)
    backend = make(runtime="tensorrt_rtx")
    backend.infer(np.stack([clip_of(1)] * 4))
    [kept] = (tmp_path / "kernels").iterdir()
    assert kept.read_bytes() == b"kernel", "after the warm-up: nobody may close it"
    backend.infer(np.stack([clip_of(1)]))
    backend.close()
    assert kept.read_bytes() == b"kernelkernel"
    make(runtime="tensorrt_rtx").close()
    assert machine.runtime_caches[-1].loaded == b"kernelkernel"
    kept.write_bytes(b"damaged")
    make(runtime="tensorrt_rtx").close()
    assert kept.read_bytes() == b"kernelkernel"


def test_a_stack_that_is_not_empty_is_the_end_of_the_process() -> None:
    """Of the stand-in too, or the tests above could not fail."""
    script = """
import threading
from tests.support.fake_cuda import Machine
machine = Machine()
driver = machine.pycuda().driver
thread = threading.Thread(target=lambda: driver.Device(0).retain_primary_context().push())
thread.start()
thread.join()
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGABRT
    assert "context stack was not empty" in done.stderr
    assert done.stdout == ""


def test_several_gpus_share_one_queue(make: Make) -> None:
    batcher = Batcher([make, lambda: make(device=1)], SHAPE, 9, 32)
    assert [loaded.result(10).device for loaded in batcher.start()] == ["fake GPU 0", "fake GPU 1"]
    futures = [batcher.submit(clip_of(index % 9)) for index in range(300)]
    assert [int(future.result(10).probabilities.argmax()) for future in futures] == [i % 9 for i in range(300)]
    batcher.close()
