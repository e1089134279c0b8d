import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np
import pytest

from engine_builder.manifest import Frames, Probabilities
from service.errors import BackendLostError, InferenceError, NotReadyError
from service.inference.backends.protocol import Backend
from service.inference.batcher import MAX_FAILURES, Batcher

from ...support.stubs import BrightnessBackend, factory_of

SHAPE = (2, 4, 4, 3)


def clip(label: int) -> Frames:
    return np.full(SHAPE, label * 255 // 9 + 10, np.uint8)


def batcher_of(*backends: Backend, max_batch: int = 32) -> Batcher:
    batcher = Batcher([factory_of(backend) for backend in backends], SHAPE, 9, max_batch)
    for loaded in batcher.start():
        loaded.result(10)
    return batcher


class Gate:
    """Holds a backend's batches until it is opened, so that tests know what waits."""

    def __init__(self) -> None:
        self.armed = False
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, frames: Frames) -> None:
        if self.armed:
            self.entered.release()
            assert self.opened.wait(10)


def test_every_clip_gets_its_own_answer() -> None:
    batcher = batcher_of(BrightnessBackend())
    futures = [batcher.submit(clip(index % 9)) for index in range(50)]
    outcomes = [future.result(10) for future in futures]
    assert [int(outcome.probabilities.argmax()) for outcome in outcomes] == [index % 9 for index in range(50)]
    assert all(outcome.queued_seconds >= 0 and outcome.inference_seconds >= 0 for outcome in outcomes)
    batcher.close()


def test_what_waits_goes_together_up_to_the_maximum() -> None:
    gate = Gate()
    backend = BrightnessBackend(max_batch=4, before=gate)
    batcher = batcher_of(backend)
    gate.armed = True
    futures = [batcher.submit(clip(0))]
    assert gate.entered.acquire(timeout=10)
    futures += [batcher.submit(clip(1)) for _ in range(6)]
    assert batcher.depth == 6
    gate.opened.set()
    for future in futures:
        future.result(10)
    assert backend.batches[-3:] == [1, 4, 2]
    batcher.close()


def test_requests_take_turns() -> None:
    """Behind five clips of one request, another's first clip goes second, its second fourth."""
    gate = Gate()
    order: list[int] = []

    def before(frames: Frames) -> None:
        gate(frames)
        order.append(int(frames[0, 0, 0, 0, 0]))

    batcher = batcher_of(BrightnessBackend(max_batch=1, before=before))
    gate.armed = True
    futures = [batcher.submit(clip(0), "held")]
    assert gate.entered.acquire(timeout=10)
    order.clear()
    futures += [batcher.submit(clip(1), "long") for _ in range(5)]
    futures += [batcher.submit(clip(2), "short") for _ in range(2)]
    gate.opened.set()
    for future in futures:
        future.result(10)
    labels = [shade * 9 // 256 for shade in order]
    assert labels == [0, 1, 2, 1, 2, 1, 1, 1]
    batcher.close()


def test_the_settings_bound_the_batch() -> None:
    backend = BrightnessBackend(max_batch=8)
    batcher = batcher_of(backend, max_batch=2)
    for future in [batcher.submit(clip(1)) for _ in range(20)]:
        future.result(10)
    assert max(backend.batches) == 2
    batcher.close()


def test_a_backend_lives_in_one_thread_and_is_closed() -> None:
    made: list[BrightnessBackend] = []

    def factory() -> Backend:
        made.append(BrightnessBackend())
        return made[0]

    batcher = Batcher([factory], SHAPE, 9, 4)
    batcher.start()[0].result(10)
    batcher.submit(clip(3)).result(10)
    batcher.close()
    assert made[0].closed
    assert len(made[0].threads) == 1
    assert threading.get_ident() not in made[0].threads


def test_cancelled_clips_are_dropped() -> None:
    gate = Gate()
    backend = BrightnessBackend(before=gate)
    batcher = batcher_of(backend)
    gate.armed = True
    first = batcher.submit(clip(0))
    assert gate.entered.acquire(timeout=10)
    dropped, kept = batcher.submit(clip(1)), batcher.submit(clip(2))
    assert dropped.cancel()
    gate.opened.set()
    assert int(kept.result(10).probabilities.argmax()) == 2
    first.result(10)
    with pytest.raises(CancelledError):
        dropped.result(0)
    assert backend.batches[-2:] == [1, 1]
    batcher.close()


def test_a_failing_batch_fails_its_clips_only() -> None:
    def before(frames: Frames) -> None:
        if frames[0, 0, 0, 0, 0] > 200:
            raise ValueError("no")

    batcher = batcher_of(BrightnessBackend(max_batch=1, before=before))
    bad, good = batcher.submit(clip(8)), batcher.submit(clip(1))
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

    batcher = batcher_of(BrightnessBackend(max_batch=1, before=before))
    armed.set()
    futures = [batcher.submit(clip(1)) for _ in range(MAX_FAILURES + 5)]
    assert "broken for good" in batcher.failed.result(10)
    for future in futures:
        with pytest.raises((InferenceError, NotReadyError)):
            future.result(10)
    with pytest.raises(NotReadyError):
        batcher.submit(clip(1))
    batcher.close()


@pytest.mark.parametrize(
    "answer",
    [np.ones((2, 9), np.float32), np.ones((1, 8), np.float32), np.full((1, 9), np.nan, np.float32)],
    ids=["too many rows", "too few classes", "NaN"],
)
def test_a_backends_answers_are_checked(answer: Probabilities) -> None:
    class Wrong(BrightnessBackend):
        wrong = False

        def infer(self, frames: Frames) -> Probabilities:
            return answer if self.wrong else super().infer(frames)

    backend = Wrong(max_batch=1)
    batcher = batcher_of(backend)
    backend.wrong = True
    with pytest.raises(InferenceError):
        batcher.submit(clip(0)).result(10)
    batcher.close()


def test_a_backend_that_does_not_load_says_so() -> None:
    def factory() -> Backend:
        raise OSError("no such device")

    batcher = Batcher([factory], SHAPE, 9, 4)
    with pytest.raises(OSError, match="no such device"):
        batcher.start()[0].result(10)
    with pytest.raises(NotReadyError):
        batcher.submit(clip(0))
    batcher.close()


def test_closing_settles_everything() -> None:
    gate = Gate()
    batcher = batcher_of(BrightnessBackend(max_batch=1, before=gate))
    gate.armed = True
    running = batcher.submit(clip(0))
    assert gate.entered.acquire(timeout=10)
    waiting = [batcher.submit(clip(1)) for _ in range(5)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    gate.opened.set()
    closing.join(10)
    assert not closing.is_alive()
    assert int(running.result(0).probabilities.argmax()) == 0
    for future in waiting:
        with pytest.raises(NotReadyError):
            future.result(0)
    with pytest.raises(NotReadyError):
        batcher.submit(clip(0))


def test_several_devices_share_the_queue_and_one_may_fail() -> None:
    def broken(frames: Frames) -> None:
        if frames.any():
            raise ValueError("this device broke")

    good = BrightnessBackend(max_batch=1)
    batcher = batcher_of(BrightnessBackend(max_batch=1, before=broken), good)
    futures: list[Future[Any]] = [batcher.submit(clip(1)) for _ in range(40)]
    failed = sum(future.exception(10) is not None for future in futures)
    assert failed <= MAX_FAILURES
    assert not batcher.failed.done()
    batcher.close()


class Pipelined(BrightnessBackend):
    """Two batches at once; computes when asked to finish."""

    depth = 2

    def __init__(self, max_batch: int) -> None:
        super().__init__(max_batch)
        self.running = self.most = 0
        self.lost = False

    def start(self, clips: Sequence[Frames]) -> Frames:
        self.running += 1
        self.most = max(self.most, self.running)
        if self.lost:
            raise BackendLostError("the GPU fell off the bus")
        return np.stack(clips)

    def finish(self, ticket: Frames) -> Probabilities:
        self.running -= 1
        return self.infer(ticket)


def test_a_pipelined_backend_has_two_batches_under_way() -> None:
    backend = Pipelined(max_batch=2)
    batcher = batcher_of(backend)
    futures = [batcher.submit(clip(index % 9)) for index in range(60)]
    outcomes = [future.result(10) for future in futures]
    assert [int(outcome.probabilities.argmax()) for outcome in outcomes] == [index % 9 for index in range(60)]
    assert backend.most == 2
    batcher.close()
    assert backend.running == 0


def test_a_busy_device_takes_part_of_a_batch_only_after_the_wait() -> None:
    for seconds, expected in ((60.0, [1, 2]), (0.0, [1, 1, 1])):
        gate = Gate()
        backend = Pipelined(max_batch=8)
        starting = backend.start

        def start(clips: Sequence[Frames], starting: Any = starting, gate: Gate = gate) -> Frames:
            gate(clips[0])
            return np.asarray(starting(clips), np.uint8)

        backend.start = start  # type: ignore[method-assign]
        batcher = Batcher([factory_of(backend)], SHAPE, 9, 8, batch_wait=seconds)
        batcher.start()[0].result(10)
        gate.armed = True
        futures = [batcher.submit(clip(1))]
        assert gate.entered.acquire(timeout=10)
        futures.append(batcher.submit(clip(1)))
        gate.armed = False
        finishing = backend.finish

        def finish(
            ticket: Frames, finishing: Any = finishing, batcher: Batcher = batcher, futures: Any = futures
        ) -> Any:
            if len(futures) == 2:
                futures.append(batcher.submit(clip(1)))
            return finishing(ticket)

        backend.finish = finish  # type: ignore[method-assign]
        gate.opened.set()
        for _ in range(3):
            [future.result(10) for future in futures]
        assert backend.batches[-len(expected) :] == expected
        batcher.close()


def test_a_lost_backend_ends_at_once_and_settles_everything() -> None:
    backend = Pipelined(max_batch=1)
    batcher = batcher_of(backend)
    backend.lost = True
    futures = [batcher.submit(clip(1)) for _ in range(20)]
    assert "fell off the bus" in batcher.failed.result(10)
    errors = [future.exception(10) for future in futures]
    assert all(isinstance(error, BackendLostError | NotReadyError) for error in errors)
    assert sum(isinstance(error, BackendLostError) for error in errors) == 1
    batcher.close()
