"""Backends that fail: whose clips fail with them, and when they are given up."""

import threading

import numpy as np
import pytest

from engine_builder.manifest import Frames, Outputs
from service.errors import InferenceError, NotReadyError
from service.inference.backends.protocol import Backend
from service.inference.batcher import MAX_FAILURES, Batcher

from ...support.stubs import CLASSES, SHAPE, BrightnessBackend, Gate, batcher_of, clip_of, too_bright
from ...support.waiting import eventually


def test_a_failing_batch_fails_its_clips_only() -> None:
    batcher = batcher_of(BrightnessBackend(max_batch=1, before=too_bright))
    bad, good = batcher.submit(clip_of(8)), batcher.submit(clip_of(1))
    with pytest.raises(InferenceError):
        bad.result(10)
    assert int(good.result(10).probabilities.argmax()) == 1
    assert not batcher.failed.done()
    batcher.close()


def test_failing_again_and_again_is_the_end() -> None:
    armed = threading.Event()

    def before(frames: Frames) -> None:
        if armed.is_set():
            raise ValueError("broken for good")

    backend = BrightnessBackend(max_batch=1, before=before)
    batcher = batcher_of(backend)
    warm = len(backend.batches)
    armed.set()
    futures = [batcher.submit(clip_of(1)) for _ in range(MAX_FAILURES + 5)]
    assert "broken for good" in batcher.failed.result(10)
    for future in futures:
        with pytest.raises((InferenceError, NotReadyError)):
            future.result(10)
    assert len(backend.batches) == warm + MAX_FAILURES
    with pytest.raises(NotReadyError):
        batcher.submit(clip_of(1))
    batcher.close()


@pytest.mark.parametrize(
    "answer",
    [
        Outputs(np.ones((2, 9), np.float32), np.ones((2, 64), np.float32)),
        Outputs(np.ones((1, 8), np.float32), np.ones((1, 64), np.float32)),
        Outputs(np.full((1, 9), np.nan, np.float32), np.ones((1, 64), np.float32)),
        Outputs(np.ones((1, 9), np.float32), np.ones((1, 63), np.float32)),
        Outputs(np.ones((1, 9), np.float32), np.full((1, 64), np.nan, np.float32)),
        Outputs(np.ones((1, 9), np.float32)),
    ],
    ids=["too many rows", "too few classes", "NaN", "too few features", "NaN in an embedding", "no embedding"],
)
def test_a_backends_answers_are_checked(answer: Outputs) -> None:
    class Wrong(BrightnessBackend):
        wrong = False

        def infer(self, frames: Frames) -> Outputs:
            return answer if self.wrong else super().infer(frames)

    backend = Wrong(max_batch=1)
    batcher = batcher_of(backend)
    backend.wrong = True
    with pytest.raises(InferenceError):
        batcher.submit(clip_of(0)).result(10)
    batcher.close()


def test_a_backend_that_does_not_load_says_so() -> None:
    def factory() -> Backend:
        raise OSError("no such device")

    batcher = Batcher([factory], SHAPE, CLASSES, 4)
    with pytest.raises(OSError, match="no such device"):
        batcher.start()[0].result(10)
    with pytest.raises(NotReadyError):
        batcher.submit(clip_of(0))
    batcher.close()


def test_one_device_of_several_may_fail() -> None:
    """The other goes on alone with the queue that they share."""

    def broken(frames: Frames) -> None:
        if frames.any():  # not while it warms up
            raise ValueError("this device broke")

    gate = Gate()
    good = BrightnessBackend(max_batch=1, before=gate)
    batcher = batcher_of(BrightnessBackend(max_batch=1, before=broken), good)
    gate.close()
    futures = [batcher.submit(clip_of(1)) for _ in range(40)]

    def failed() -> int:
        return sum(future.done() and future.exception() is not None for future in futures)

    eventually(lambda: failed() == MAX_FAILURES)
    gate.open()
    assert sum(future.exception(10) is None for future in futures) == 40 - MAX_FAILURES
    assert not batcher.failed.done()
    batcher.close()
