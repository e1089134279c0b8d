from collections.abc import Callable

import numpy as np
import pytest

from engine_builder.manifest import Frames, Outputs
from service.inference.backends.double_buffered import DoubleBuffered
from service.inference.backends.protocol import PipelinedBackend

from ...support.stubs import SHAPE, BrightnessBackend, Gate, batcher_of, too_bright


class Sized(BrightnessBackend):
    """Computes batches of 1, 2 and 4 clips, from memory of its own."""

    def __init__(self, before: Callable[[Frames], None] | None = None) -> None:
        super().__init__(max_batch=4, before=before)
        self.buffers: list[Frames] = []

    def size_for(self, clips: int) -> int:
        return next(size for size in (1, 2, 4) if size >= clips)

    def buffer(self, clip_shape: tuple[int, ...]) -> Frames:
        self.buffers.append(np.full((self.max_batch, *clip_shape), 255, np.uint8))
        return self.buffers[-1]

    def infer(self, frames: Frames) -> Outputs:
        assert any(np.shares_memory(frames, buffer) for buffer in self.buffers)
        return super().infer(frames)


def clip(level: int) -> Frames:
    return np.full(SHAPE, level, np.uint8)


def test_the_next_batch_is_put_together_while_one_is_computed() -> None:
    gate = Gate()
    gate.close()
    backend = Sized(gate)
    staged = DoubleBuffered(backend, SHAPE)
    assert isinstance(staged, PipelinedBackend)
    first = staged.start([clip(40), clip(150)])
    gate.wait_held()
    second = staged.start([clip(220)])  # returns although the first is not through
    gate.open()
    assert staged.finish(first).probabilities.argmax(1).tolist() == [1, 5]
    assert staged.finish(second).probabilities.argmax(1).tolist() == [7]
    assert backend.batches == [2, 1]
    staged.close()
    assert backend.closed


def test_a_batch_is_filled_up_to_a_size_and_the_rest_of_it_is_nobodys() -> None:
    backend = Sized()
    staged = DoubleBuffered(backend, SHAPE)
    found = staged.infer(np.stack([clip(40), clip(150), clip(220)]))
    assert backend.batches == [4]
    assert found.probabilities.argmax(1).tolist() == [1, 5, 7]
    assert found.embeddings is not None
    assert len(found.embeddings) == 3
    staged.close()


def test_a_failure_is_its_batchs_own() -> None:
    staged = DoubleBuffered(Sized(too_bright), SHAPE)
    for _ in range(3):  # no buffer is lost
        with pytest.raises(ValueError, match="too bright"):
            staged.infer(clip(220)[None])
    assert staged.infer(np.stack([clip(40), clip(150)])).probabilities.argmax(1).tolist() == [1, 5]
    staged.close()


def test_under_the_batcher_every_clip_gets_its_own_answer() -> None:
    batcher = batcher_of(DoubleBuffered(Sized(), SHAPE))
    futures = [batcher.submit(clip(index % 9 * 28 + 10), index % 3) for index in range(100)]
    found = [int(future.result(10).probabilities.argmax()) for future in futures]
    assert found == [(index % 9 * 28 + 10) * 9 // 256 for index in range(100)]
    batcher.close()
