"""Clips of all requests to batches: one worker thread for each device, which owns its backend."""

import logging
import threading
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np

from engine_builder.manifest import Frames, Outputs

from ..errors import BackendLostError, InferenceError, NotReadyError
from .backends.protocol import Backend, BackendFactory, Description, PipelinedBackend, Sequential
from .clip_queue import Batch, ClipQueue, Outcome

logger = logging.getLogger(__name__)

# After this many failed batches in a row the backend counts as broken.
MAX_FAILURES = 3


class Observer(Protocol):
    """What is called with numbers as they arise, in worker threads."""

    def batch(self, clips: int) -> None:
        """A batch was given to a device."""

    def dropped(self, clips: int) -> None:
        """Clips were cancelled while they waited."""


class Unobserved:
    """An observer that does nothing."""

    def batch(self, clips: int) -> None:
        """See `Observer`."""

    def dropped(self, clips: int) -> None:
        """See `Observer`."""


class Batcher:
    """The queue of clips and the threads that empty it.

    Every future settles: with an outcome, with the batch's error, or with NotReadyError when the workers are gone.
    """

    def __init__(
        self,
        factories: Sequence[BackendFactory],
        clip_shape: tuple[int, ...],
        classes: int,
        max_batch: int,
        batch_wait: float = 0.0,
        observer: Observer | None = None,
        features: int | None = None,
    ) -> None:
        """`clip_shape`: [T, H, W, 3], to warm up with. `features`: values of an embedding, where the backends give
        them. `max_batch` bounds the backends' own. `batch_wait`: seconds a
        clip waits for others while the device is busy. `observer` is called with each batch and with dropped clips."""
        self._clip_shape = clip_shape
        self._classes, self._features = classes, features
        self._max_batch = self._limit = max_batch
        self._observer = observer or Unobserved()
        self._queue = ClipQueue(batch_wait, self._observer.dropped)
        self._lock = threading.Lock()
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
    def workers(self) -> int:
        """Threads that each work on a batch."""
        return len(self._threads)

    @property
    def places(self) -> int:
        """Clips that all the working backends take at once, at most; known once they are loaded."""
        return self.working * self._limit

    @property
    def working(self) -> int:
        """Workers that have not ended."""
        with self._lock:
            return self._working

    @property
    def depth(self) -> int:
        """Clips that wait."""
        return len(self._queue)

    def submit(
        self, frames: Frames, request: Hashable = None, first: bool = False, background: bool = False
    ) -> "Future[Outcome]":
        """Queue one clip, uint8 [T, H, W, 3]; `request` shares the device fairly with other requests.

        A request's `first` clip goes ahead of later clips of others; `background` ones let others go first. Cancel the
        future to drop the clip. Raises NotReadyError when closed.
        """
        return self._queue.put(frames, request, first, background)

    def close(self) -> None:
        """Stop after the batches in progress; clips still queued fail with NotReadyError."""
        with self._lock:
            self._closing = True
        self._queue.close("the server is shutting down")
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, factory: BackendFactory, loaded: "Future[Description]") -> None:
        reason = "closed"
        failure: BaseException | None = None
        try:
            backend = factory()
            try:
                self._warm_up(backend)
                loaded.set_result(backend.description)
                reason = self._serve(backend)
            finally:
                backend.close()
        except BaseException as error:  # whatever ends a worker must reach those who wait for it
            reason, failure = f"{type(error).__name__}: {error}", error
        # Retire first: whoever is told of the failure must find the queue closed.
        self._retire(reason)
        if failure is not None and not loaded.done():
            loaded.set_exception(failure)

    def _warm_up(self, backend: Backend) -> None:
        for size in {min(self._max_batch, size) for size in backend.warm_up}:
            frames = np.zeros((size, *self._clip_shape), np.uint8)
            self._check(backend.infer(frames), size)

    def _serve(self, backend: Backend) -> str:
        """Batches until closed, or until the backend has failed for good; returns why it stopped."""
        pipeline = backend if isinstance(backend, PipelinedBackend) else Sequential(backend)
        limit = self._limit = min(self._max_batch, backend.max_batch)
        running: deque[Batch] = deque()
        failures = 0
        try:
            while True:
                if len(running) < pipeline.depth and (items := self._queue.take(limit, busy=bool(running))):
                    running.append(Batch(items))
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

    def _start(self, pipeline: PipelinedBackend | Sequential, running: "deque[Batch]") -> Exception | None:
        batch = running[-1]
        self._observer.batch(len(batch.items))
        try:
            batch.in_flight = pipeline.start([item.frames for item in batch.items])
        except Exception as error:
            running.pop()
            return batch.fail(error)
        return None

    def _finish(self, pipeline: PipelinedBackend | Sequential, batch: Batch) -> Exception | None:
        try:
            outputs = self._check(pipeline.finish(batch.in_flight), len(batch.items))
        except Exception as error:
            return batch.fail(error)
        batch.settle(outputs)
        return None

    def _check(self, outputs: Outputs, clips: int) -> Outputs:
        if outputs.probabilities.shape != (clips, self._classes):
            raise InferenceError(f"the network gave shape {outputs.probabilities.shape} for {clips} clips")
        embeddings = None if outputs.embeddings is None else outputs.embeddings.shape
        if self._features is not None and embeddings != (clips, self._features):
            raise InferenceError(f"the network gave embeddings of shape {embeddings} for {clips} clips")
        if outputs.invalid:
            raise InferenceError("the network gave values that are no numbers")
        return outputs

    def _retire(self, reason: str) -> None:
        """A worker ends; with the last one, so does the queue."""
        with self._lock:
            self._working -= 1
            last, closing = self._working == 0, self._closing
        if closing:
            return
        logger.error("an inference worker ended: %s", reason)
        if last:
            self._queue.close(f"the backend failed: {reason}")
            self.failed.set_result(reason)
