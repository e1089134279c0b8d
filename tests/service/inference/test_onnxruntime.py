"""What makes ONNX Runtime fast on a GPU, as far as a CPU can tell: sizes of batches, biases, page-locked memory."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from engine_builder.manifest import INPUT, Frames
from service.inference.backends import page_locked
from service.inference.backends.onnx_bias import with_separate_biases
from service.inference.backends.onnxruntime import OnnxRuntimeBackend


def clips(count: int) -> Frames:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 112, 112, 3), np.uint8)


def test_every_size_has_a_session_and_batches_are_filled_up(model_directory: Path) -> None:
    one = OnnxRuntimeBackend(model_directory / "model.onnx", "fp32")
    backend = OnnxRuntimeBackend(model_directory / "model.onnx", "fp32", sizes=(1, 3))
    assert (backend.max_batch, list(backend.warm_up)) == (3, [1, 3])
    assert [backend.size_for(each) for each in (1, 2, 3)] == [1, 3, 3]
    frames = clips(2)
    found = backend.infer(frames)
    expected = np.concatenate([one.infer(each[None]).probabilities for each in frames])
    assert found.probabilities.shape == expected.shape
    assert np.abs(found.probabilities - expected).max() < 1e-5
    assert found.embeddings is not None
    assert len(found.embeddings) == 2


def test_a_buffer_holds_the_largest_batch(model_directory: Path) -> None:
    backend = OnnxRuntimeBackend(model_directory / "model.onnx", "fp32", sizes=(1, 3))
    buffer = backend.buffer((2, 4, 4, 3))
    assert buffer.shape == (3, 2, 4, 4, 3)
    assert buffer.dtype == np.uint8
    backend.close()


def test_separate_biases_change_no_result(model_directory: Path) -> None:
    before = onnx.load(model_directory / "model.onnx")
    content = with_separate_biases(model_directory / "model.onnx")
    after = onnx.load_from_string(content)
    onnx.checker.check_model(after, full_check=True)
    convolutions = [node for node in before.graph.node if node.op_type == "Conv"]
    assert [len(node.input) for node in after.graph.node if node.op_type == "Conv"] == [2] * len(convolutions)
    assert len(after.graph.node) == len(before.graph.node) + len(convolutions)
    frames = clips(1)
    found, expected = (
        onnxruntime.InferenceSession(each, disabled_optimizers=["ConvAddFusion"]).run(None, {INPUT: frames})
        for each in (content, before.SerializeToString())
    )
    assert all(np.abs(left - right).max() < 1e-5 for left, right in zip(found, expected, strict=True))


def test_the_optimiser_that_would_join_biases_again_has_this_name(model_directory: Path, tmp_path: Path) -> None:
    """ONNX Runtime says nothing of a name that it does not know."""

    def biases(disabled: list[str]) -> int:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        content = with_separate_biases(model_directory / "model.onnx")
        onnxruntime.InferenceSession(content, options, disabled_optimizers=disabled)
        nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
        return sum(len(node.input) == 3 for node in nodes if node.op_type == "Conv")

    assert biases([]) > 0
    assert biases(["ConvAddFusion"]) == 0


class Driver:
    """CUDA's driver, which keeps what is locked; it refuses with this error, if not 0."""

    def __init__(self, error: int = 0) -> None:
        self.error = error
        self.locked: dict[int | None, int] = {}

    def cuMemHostRegister_v2(self, address: ctypes.c_void_p, size: ctypes.c_size_t, _: int) -> int:  # noqa: N802
        if not self.error:
            self.locked[address.value] = size.value
        return self.error

    def cuMemHostUnregister(self, address: ctypes.c_void_p) -> int:  # noqa: N802
        del self.locked[address.value]
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    found = Driver()
    monkeypatch.setattr(page_locked, "cuda_driver", lambda: found)
    return found


def test_memory_is_locked_within_the_block_only(driver: Driver) -> None:
    array = np.zeros((2, 5), np.uint8)
    with page_locked.page_locked(array):
        assert driver.locked == {array.ctypes.data: 10}
    assert not driver.locked


def test_memory_is_unlocked_after_a_failure(driver: Driver) -> None:
    def fail() -> Any:
        raise ValueError

    with pytest.raises(ValueError), page_locked.page_locked(np.zeros(4, np.uint8)):
        fail()
    assert not driver.locked


def test_memory_that_cannot_be_locked_is_used_all_the_same(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    driver.error = 2
    with page_locked.page_locked(np.zeros(4, np.uint8)):
        assert not driver.locked
    assert "cannot be page-locked (CUDA error 2)" in caplog.text
