"""Clips to batches and back, with one backend or several."""

import threading
from concurrent.futures import CancelledError

import pytest

from engine_builder.manifest import Frames
from service.errors import NotReadyError
from service.inference.backends.protocol import Backend
from service.inference.batcher import Batcher

from ...support.stubs import CLASSES, FEATURES, SHAPE, BrightnessBackend, Gate, batcher_of, clip_of


def test_every_clip_gets_its_own_answer() -> None:
    batcher = batcher_of(BrightnessBackend())
    futures = [batcher.submit(clip_of(index % 9)) for index in range(50)]
    outcomes = [future.result(10) for future in futures]
    assert [int(outcome.probabilities.argmax()) for outcome in outcomes] == [index % 9 for index in range(50)]
    embeddings = [outcome.embedding for outcome in outcomes]
    assert [int(each[0]) for each in embeddings if each is not None] == [int(clip_of(i % 9).max()) for i in range(50)]
    assert all(outcome.queued_seconds >= 0 and outcome.inference_seconds >= 0 for outcome in outcomes)
    batcher.close()


def test_an_outcome_apart_keeps_no_batch_alive_and_only_what_was_asked() -> None:
    batcher = batcher_of(BrightnessBackend())
    outcome = batcher.submit(clip_of(3)).result(10)
    batcher.close()
    without, with_it = outcome.apart(embedding=False), outcome.apart(embedding=True)
    assert without.embedding is None
    assert with_it.embedding is not None
    assert with_it.embedding.shape == (FEATURES,)
    assert (with_it.embedding == outcome.embedding).all()
    for each in (without.probabilities, with_it.probabilities, with_it.embedding):
        assert each.base is None
    assert (without.probabilities == outcome.probabilities).all()
    assert (without.batch, without.submitted) == (outcome.batch, outcome.submitted)


def test_what_waits_goes_together_up_to_the_maximum() -> None:
    gate = Gate()
    backend = BrightnessBackend(max_batch=4, before=gate)
    batcher = batcher_of(backend)
    gate.close()
    futures = [batcher.submit(clip_of(0))]
    gate.wait_held()
    futures += [batcher.submit(clip_of(1)) for _ in range(6)]
    assert batcher.depth == 6
    gate.open()
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
    gate.close()
    futures = [batcher.submit(clip_of(0), "held")]
    gate.wait_held()
    order.clear()
    futures += [batcher.submit(clip_of(1), "long") for _ in range(5)]
    futures += [batcher.submit(clip_of(2), "short") for _ in range(2)]
    gate.open()
    for future in futures:
        future.result(10)
    assert [shade * CLASSES // 256 for shade in order] == [0, 1, 2, 1, 2, 1, 1, 1]
    batcher.close()


def test_the_settings_bound_the_batch() -> None:
    backend = BrightnessBackend(max_batch=8)
    batcher = batcher_of(backend, max_batch=2)
    for future in [batcher.submit(clip_of(1)) for _ in range(20)]:
        future.result(10)
    assert max(backend.batches) == 2
    batcher.close()


def test_a_backend_lives_in_one_thread_and_is_closed() -> None:
    made: list[BrightnessBackend] = []

    def factory() -> Backend:
        made.append(BrightnessBackend())
        return made[0]

    batcher = Batcher([factory], SHAPE, CLASSES, 4)
    batcher.start()[0].result(10)
    batcher.submit(clip_of(3)).result(10)
    batcher.close()
    assert made[0].closed
    assert len(made[0].threads) == 1
    assert threading.get_ident() not in made[0].threads


def test_cancelled_clips_are_dropped() -> None:
    gate = Gate()
    backend = BrightnessBackend(before=gate)
    batcher = batcher_of(backend)
    gate.close()
    first = batcher.submit(clip_of(0))
    gate.wait_held()
    dropped, kept = batcher.submit(clip_of(1)), batcher.submit(clip_of(2))
    assert dropped.cancel()
    gate.open()
    assert int(kept.result(10).probabilities.argmax()) == 2
    first.result(10)
    with pytest.raises(CancelledError):
        dropped.result(0)
    assert backend.batches[-2:] == [1, 1]
    batcher.close()


def test_closing_settles_everything() -> None:
    gate = Gate()
    batcher = batcher_of(BrightnessBackend(max_batch=1, before=gate))
    gate.close()
    running = batcher.submit(clip_of(0))
    gate.wait_held()
    waiting = [batcher.submit(clip_of(1)) for _ in range(5)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    for future in waiting:
        with pytest.raises(NotReadyError):
            future.result(10)
    assert closing.is_alive(), "it waits for the batch in progress"
    gate.open()
    closing.join(10)
    assert not closing.is_alive()
    assert int(running.result(0).probabilities.argmax()) == 0
    with pytest.raises(NotReadyError):
        batcher.submit(clip_of(0))
