"""Clips of all requests to batches: one worker thread a device, each owning its backend."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backends.protocol import (
    Backend,
    BackendFactory,
    Description,
    Frames,
    PipelinedBackend,
    Probabilities,
    Sequential,
)
from .errors import BackendLostError, InferenceError, NotReadyError, ServiceError

logger = logging.getLogger(__name__)

# After this many failed batches in a row the backend counts as broken.
MAX_FAILURES = 3


@dataclass(frozen=True)
class Outcome:
    """One clip's probabilities, float32 [classes]; seconds it waited, and its share of the batch's time."""

    probabilities: Probabilities
    queued_seconds: float
    inference_seconds: float


@dataclass
class _Item:
    frames: Frames
    future: "Future[Outcome]" = field(default_factory=Future)
    submitted: float = field(default_factory=time.monotonic)


@dataclass
class _Batch:
    """Clips given to the device together, and what it gave in return."""

    items: list[_Item]
    started: float = field(default_factory=time.monotonic)
    ticket: Any = None

    def fail(self, error: Exception) -> Exception:
        """Settle every clip with an error a client may see; returns `error`."""
        logger.error("a batch of %d clips failed", len(self.items), exc_info=error)
        shown = error if isinstance(error, ServiceError) else InferenceError("the network failed on this batch")
        for item in self.items:
            item.future.set_exception(shown)
        return error


class Batcher:
    """A queue of clips and the threads that empty it.

    Every future settles: with an
    outcome, with the batch's error, or with NotReadyError when the workers are gone.
    """

    def __init__(
        self,
        factories: Sequence[BackendFactory],
        clip_shape: tuple[int, ...],
        classes: int,
        max_batch: int,
        batch_wait: float = 0.0,
    ) -> None:
        """`clip_shape`: [T, H, W, 3], to warm up with. `max_batch` bounds the backends' own. `batch_wait`: seconds a
        clip waits for others while the device is busy."""
        self._batch_wait = batch_wait
        self._clip_shape = clip_shape
        self._classes = classes
        self._max_batch = max_batch
        self._queue: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._working = len(factories)
        self.failed: Future[str] = Future()
        self._loaded: list[Future[Description]] = [Future() for _ in factories]
        self._threads = [
            threading.Thread(target=self._run, args=(factory, loaded), name=f"infer-{index}", daemon=True)
            for index, (factory, loaded) in enumerate(zip(factories, self._loaded, strict=True))
        ]

    def start(self) -> "list[Future[Description]]":
        """Start the workers. Each future settles when its backend is loaded and warm, or with what went wrong."""
        for thread in self._threads:
            thread.start()
        return self._loaded

    @property
    def depth(self) -> int:
        """Clips that wait."""
        return len(self._queue)

    def submit(self, frames: Frames) -> "Future[Outcome]":
        """Queue one clip, uint8 [T, H, W, 3]. Cancel the future to drop it. Raises NotReadyError when closed."""
        item = _Item(frames)
        with self._changed:
            if self._closing or not self._working:
                raise NotReadyError("no worker is running")
            self._queue.append(item)
            self._changed.notify()
        return item.future

    def close(self) -> None:
        """Stop after the batches in progress; clips still queued fail with NotReadyError."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._drop_all("the server is shutting down")

    def _run(self, factory: BackendFactory, loaded: "Future[Description]") -> None:
        reason = "closed"
        try:
            backend = factory()
            try:
                self._warm_up(backend)
                loaded.set_result(backend.description)
                reason = self._serve(backend)
            finally:
                backend.close()
        except BaseException as error:  # whatever ends a worker must reach those who wait for it
            reason = f"{type(error).__name__}: {error}"
            if not loaded.done():
                loaded.set_exception(error)
        finally:
            self._retire(reason)

    def _warm_up(self, backend: Backend) -> None:
        for size in {1, min(self._max_batch, backend.max_batch)}:
            frames = np.zeros((size, *self._clip_shape), np.uint8)
            self._check(backend.infer(frames), size)

    def _serve(self, backend: Backend) -> str:
        """Batches until closed, or until the backend is beyond hope; returns why it stopped."""
        pipeline = backend if isinstance(backend, PipelinedBackend) else Sequential(backend)
        limit = min(self._max_batch, backend.max_batch)
        running: deque[_Batch] = deque()
        failures = 0
        try:
            while True:
                if len(running) < pipeline.depth and (items := self._take(limit, busy=bool(running))):
                    running.append(_Batch(items))
                    error = self._start(pipeline, running)
                elif running:
                    error = self._finish(pipeline, running.popleft())
                    failures = 0 if error is None else failures
                else:
                    return "closed"
                failures += error is not None
                if isinstance(error, BackendLostError) or failures == MAX_FAILURES:
                    return str(error)
        finally:
            for batch in running:
                batch.fail(NotReadyError("the backend failed"))

    def _take(self, limit: int, busy: bool) -> list[_Item]:
        """The next batch, cancelled clips left out; empty when closing.

        A free device waits for the first clip and takes what there is. A busy one, which could only queue the batch,
        takes it when it is full or its oldest clip has waited long enough, and else goes on with what it has.
        """
        with self._changed:
            while True:
                if not busy:
                    self._changed.wait_for(lambda: self._queue or self._closing)
                if self._closing or (busy and not self._ripe(limit)):
                    return []
                waiting = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
                batch = [item for item in waiting if item.future.set_running_or_notify_cancel()]
                if batch or busy:
                    return batch

    def _ripe(self, limit: int) -> bool:
        if not self._queue:
            return False
        return len(self._queue) >= limit or time.monotonic() - self._queue[0].submitted >= self._batch_wait

    def _start(self, pipeline: PipelinedBackend | Sequential, running: "deque[_Batch]") -> Exception | None:
        batch = running[-1]
        try:
            batch.ticket = pipeline.start([item.frames for item in batch.items])
        except Exception as error:
            running.pop()
            return batch.fail(error)
        return None

    def _finish(self, pipeline: PipelinedBackend | Sequential, batch: _Batch) -> Exception | None:
        try:
            probabilities = self._check(pipeline.finish(batch.ticket), len(batch.items))
        except Exception as error:
            return batch.fail(error)
        share = (time.monotonic() - batch.started) / len(batch.items)
        for item, row in zip(batch.items, probabilities, strict=True):
            item.future.set_result(Outcome(row, batch.started - item.submitted, share))
        return None

    def _check(self, probabilities: Probabilities, clips: int) -> Probabilities:
        if probabilities.shape != (clips, self._classes):
            raise InferenceError(f"the network gave shape {probabilities.shape} for {clips} clips")
        if not np.isfinite(probabilities).all():
            raise InferenceError("the network gave values that are no numbers")
        return probabilities

    def _retire(self, reason: str) -> None:
        """A worker ends; with the last one, so does the queue."""
        with self._changed:
            self._working -= 1
            last, closing = self._working == 0, self._closing
        if closing:
            return
        logger.error("an inference worker ended: %s", reason)
        if last:
            self._drop_all(f"the backend failed: {reason}")
            self.failed.set_result(reason)

    def _drop_all(self, reason: str) -> None:
        with self._changed:
            dropped = list(self._queue)
            self._queue.clear()
        for item in dropped:
            if item.future.set_running_or_notify_cancel():
                item.future.set_exception(NotReadyError(reason))
