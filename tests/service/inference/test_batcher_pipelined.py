"""Backends that have two batches under way."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from engine_builder.manifest import Frames, Outputs
from service.errors import BackendLostError, NotReadyError
from service.inference.clip_queue import Outcome

from ...support.stubs import BrightnessBackend, Gate, batcher_of, clip_of


class Pipelined(BrightnessBackend):
    """Two batches at once, each held by its gate when it is started; computes when asked to finish."""

    depth = 2

    def __init__(self, max_batch: int) -> None:
        super().__init__(max_batch)
        self.running = self.most = 0
        self.lost = False
        self.gate = Gate()
        self.before_finish: Callable[[], None] = lambda: None

    def start(self, clips: Sequence[Frames]) -> Frames:
        self.gate(clips)
        self.running += 1
        self.most = max(self.most, self.running)
        if self.lost:
            raise BackendLostError("the GPU fell off the bus")
        return np.stack(clips)

    def finish(self, in_flight: Frames) -> Outputs:
        self.running -= 1
        self.before_finish()
        return self.infer(in_flight)


def test_two_batches_are_under_way() -> None:
    backend = Pipelined(max_batch=2)
    batcher = batcher_of(backend)
    futures = [batcher.submit(clip_of(index % 9)) for index in range(60)]
    outcomes = [future.result(10) for future in futures]
    assert [int(outcome.probabilities.argmax()) for outcome in outcomes] == [index % 9 for index in range(60)]
    assert backend.most == 2
    batcher.close()
    assert backend.running == 0


@pytest.mark.parametrize(("seconds", "batches"), [(60.0, [1, 2]), (0.0, [1, 1, 1])])
def test_a_busy_device_takes_part_of_a_batch_only_after_the_wait(seconds: float, batches: list[int]) -> None:
    backend = Pipelined(max_batch=8)
    batcher = batcher_of(backend, batch_wait=seconds)
    backend.gate.close()
    futures: list[Future[Outcome]] = [batcher.submit(clip_of(1))]
    backend.gate.wait_held()
    futures.append(batcher.submit(clip_of(1)))

    def submit_one_more() -> None:
        backend.before_finish = lambda: None
        futures.append(batcher.submit(clip_of(1)))

    backend.before_finish = submit_one_more
    backend.gate.open()
    futures[0].result(10)
    assert len(futures) == 3
    for future in futures:
        future.result(10)
    assert backend.batches[-len(batches) :] == batches
    batcher.close()


def test_a_lost_backend_ends_at_once_and_settles_everything() -> None:
    backend = Pipelined(max_batch=1)
    batcher = batcher_of(backend)
    backend.lost = True
    futures = [batcher.submit(clip_of(1)) for _ in range(20)]
    assert "fell off the bus" in batcher.failed.result(10)
    errors = [future.exception(10) for future in futures]
    assert all(isinstance(error, BackendLostError | NotReadyError) for error in errors)
    assert sum(isinstance(error, BackendLostError) for error in errors) == 1
    batcher.close()
