"""A loaded model: what `r3d-serve`, `r3d-classify` and Ray have in common."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError, Sampling

from ..decoding.clip_stream import OnProgress
from ..decoding.decoder import Decoder
from ..decoding.fork_client import ForkClient
from ..decoding.sandbox.confinement import Sandbox
from ..errors import StartupError
from ..inference.backends.protocol import BackendFactory, Description
from ..inference.batcher import Batcher, Observer
from ..inference.selection import choose
from ..settings import Settings
from .bundled_model import bundled_model
from .pipeline import OnClip, Pipeline
from .query import Query
from .results import Classification
from .scheduling import open_slots

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classifier:
    """Classifies videos, several at once, as long as the block of `open` lasts. Use it in that event loop."""

    manifest: Manifest
    description: Description
    backend_reason: str | None  # why this backend; None if it was given
    sandbox: Sandbox
    _pipeline: Pipeline
    _batcher: Batcher

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, backend: BackendFactory | None = None, observer: Observer | None = None
    ) -> AsyncIterator["Classifier"]:
        """Load the model, start the decoder and the backends' threads; all of it ends with the block.

        `backend` takes the place of the one the settings would choose; it is called in the thread that uses it.
        `observer` is called with batches, in those threads. Raises StartupError.
        """
        async with AsyncExitStack() as stack:
            slots = settings.decode_workers
            decoder = Decoder(slots, open_slots(slots), settings.sandbox)
            stack.push_async_callback(decoder.close)
            # The decode server imports what it needs in its own process while the model loads in this one.
            decoding = asyncio.create_task(decoder.start())
            stack.push_async_callback(_end, decoding)
            manifest, factories, reason = await asyncio.to_thread(_open_model, settings, backend)
            batcher = Batcher(
                factories,
                manifest.clip.shape,
                len(manifest.labels),
                settings.max_batch,
                settings.batch_wait_ms / 1000,
                observer,
                manifest.embedding,
            )
            stack.push_async_callback(asyncio.to_thread, batcher.close)
            description = await _start(batcher)
            await decoding
            _log(manifest, description)
            pipeline = Pipeline(settings, manifest, decoder, batcher)
            yield cls(manifest, description, reason, decoder.sandbox, pipeline, batcher)

    async def classify(
        self,
        path: Path,
        query: Query | None = None,
        on_clip: OnClip | None = None,
        on_progress: OnProgress | None = None,
    ) -> Classification:
        """Classify the video at `path`; `on_clip` is called with each clip, in order, as soon as it is known.

        `on_progress` is called, where no clip comes for long, with how much of the video is decoded.

        Cancelling it kills the decoder and drops the clips still queued. Raises ServiceError.
        """
        return await self._pipeline.classify(path, query, on_clip, on_progress)

    async def classify_each(
        self, path: Path, samplings: Sequence[Sampling], on_clip: OnClip | None = None
    ) -> list[Classification]:
        """Classify the video at `path` by each of the samplings, decoding it once; otherwise as `classify`.

        A clip that has the same frames in several goes through the network once. Each sampling must find a clip.
        """
        return await self._pipeline.classify_each(path, samplings, on_clip)

    @property
    def open_videos(self) -> int:
        """Videos that have a process of their own."""
        return self._pipeline.open_videos

    @property
    def queued_clips(self) -> int:
        """Clips that wait for the network."""
        return self._batcher.depth

    def on_failure(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called in this event loop, with the reason, when the last backend has failed for good."""
        loop = asyncio.get_running_loop()
        self._batcher.failed.add_done_callback(lambda failed: loop.call_soon_threadsafe(callback, failed.result()))


def _open_model(
    settings: Settings, backend: BackendFactory | None
) -> tuple[Manifest, Sequence[BackendFactory], str | None]:
    directory = settings.model or bundled_model()
    try:
        manifest = Manifest.load(directory)
    except ManifestError as error:
        raise StartupError(str(error)) from error
    if backend is not None:
        return manifest, [backend], None
    choice = choose(settings, directory, manifest)
    logger.info("backend %s: %s", choice.package, choice.reason)
    return manifest, choice.factories, choice.reason


async def _end(task: "asyncio.Task[ForkClient]") -> None:
    """Cancel a task, and wait until it is over, however it ends."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def _start(batcher: Batcher) -> Description:
    """Wait until every backend is loaded and warm; what runs the network. Raises StartupError."""
    try:
        found: Sequence[Description] = await asyncio.gather(*map(asyncio.wrap_future, batcher.start()))
    except Exception as error:  # a runtime may raise anything
        raise StartupError(f"the backend does not load: {error}") from error
    return replace(found[0], device=", ".join(dict.fromkeys(each.device for each in found)))


def _log(manifest: Manifest, description: Description) -> None:
    logger.info(
        "model %s (%s, %d classes) on %s, %s, %s",
        *(manifest.name, manifest.architecture, len(manifest.labels)),
        *(description.backend, description.precision, description.device),
    )
