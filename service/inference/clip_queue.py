"""The clips of all requests that wait for a device, and the batches made from them."""

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from engine_builder.manifest import Embeddings, Frames, Outputs, Probabilities

from ..errors import InferenceError, NotReadyError, ServiceError
from .lanes import Lanes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What the network gave for one clip, when its batch of `batch` clips ran, and since when it waited.

    `probabilities`: float32 [classes]. `embedding`: float32 [features], None where the network gives none or nobody
    asked. Times are seconds of `time.monotonic`.
    """

    probabilities: Probabilities
    submitted: float
    started: float
    finished: float
    batch: int
    embedding: Embeddings | None = None

    def apart(self, embedding: bool) -> "Outcome":
        """The same for keeping: with arrays of its own, not rows of its batch's, and the embedding only if asked."""
        kept = self.embedding.copy() if embedding and self.embedding is not None else None
        return replace(self, probabilities=self.probabilities.copy(), embedding=kept)

    @property
    def queued_seconds(self) -> float:
        """Time it waited."""
        return self.started - self.submitted

    @property
    def inference_seconds(self) -> float:
        """Its share of the batch's time."""
        return (self.finished - self.started) / self.batch


@dataclass
class Item:
    """A clip and who waits for it."""

    frames: Frames
    future: "Future[Outcome]" = field(default_factory=Future)
    submitted: float = field(default_factory=time.monotonic)


@dataclass
class Batch:
    """Clips given to the device together, and what it gave in return."""

    items: list[Item]
    started: float = field(default_factory=time.monotonic)
    in_flight: Any = None  # what the backend returned when it began

    def settle(self, outputs: Outputs) -> None:
        """Give every clip its rows."""
        now, count = time.monotonic(), len(self.items)
        embeddings = [None] * count if outputs.embeddings is None else outputs.embeddings
        for item, row, embedding in zip(self.items, outputs.probabilities, embeddings, strict=True):
            item.future.set_result(Outcome(row, item.submitted, self.started, now, count, embedding))

    def fail(self, error: Exception) -> Exception:
        """Settle every clip with an error a client may see; returns `error`."""
        logger.error("a batch of %d clips failed", len(self.items), exc_info=error)
        shown = error if isinstance(error, ServiceError) else InferenceError("the network failed on this batch")
        for item in self.items:
            item.future.set_exception(shown)
        return error


class ClipQueue:
    """Round robin over requests, one clip of each, jobs behind. Any number of threads may call `put` and `take`."""

    def __init__(self, batch_wait: float, on_dropped: Callable[[int], None]) -> None:
        """`batch_wait`: seconds a clip waits for others while the device is busy.

        `on_dropped` is called with the number of cancelled clips passed over, in the thread that takes a batch.
        """
        self._batch_wait = batch_wait
        self._on_dropped = on_dropped
        self._items: Lanes[Item] = Lanes()
        self._changed = threading.Condition()
        self._closed: str | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, frames: Frames, request: Hashable, first: bool, background: bool = False) -> "Future[Outcome]":
        """Add one clip, uint8 [T, H, W, 3], of a request, perhaps its first. Raises NotReadyError when closed.

        `background`: nobody waits for it, so that it lets others go first.
        """
        item = Item(frames)
        with self._changed:
            if self._closed is not None:
                raise NotReadyError(self._closed)
            self._items.add(request, item, first, background)
            self._changed.notify()
        return item.future

    def take(self, limit: int, busy: bool) -> list[Item]:
        """The next batch of at most `limit`, cancelled clips left out; empty when closed.

        A free device waits for the first clip and takes what there is. A busy one, which could only queue the batch,
        takes it when it is full or its oldest clip has waited long enough, and else goes on with what it has.
        """
        with self._changed:
            while True:
                if not busy:
                    self._changed.wait_for(lambda: self._items or self._closed is not None)
                if self._closed is not None or (busy and not self._batch_is_due(limit)):
                    return []
                waiting = [self._items.pop() for _ in range(min(limit, len(self._items)))]
                batch = [item for item in waiting if item.future.set_running_or_notify_cancel()]
                if len(batch) < len(waiting):
                    self._on_dropped(len(waiting) - len(batch))
                if batch or busy:
                    return batch

    def _batch_is_due(self, limit: int) -> bool:
        if not self._items:
            return False
        oldest = min(item.submitted for item in self._items.heads())
        return len(self._items) >= limit or time.monotonic() - oldest >= self._batch_wait

    def close(self, reason: str) -> None:
        """Accept no more; what waits fails with NotReadyError, and so does every later `put`."""
        with self._changed:
            self._closed = self._closed or reason
            dropped = self._items.clear()
            self._changed.notify_all()
        for item in dropped:
            if item.future.set_running_or_notify_cancel():
                item.future.set_exception(NotReadyError(reason))
