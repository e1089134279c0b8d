"""A loaded model: what `r3d-serve`, `r3d-classify` and Ray have in common."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError, Sampling

from ..decoding.clip_stream import OnProgress
from ..decoding.decoder import Decoder
from ..decoding.sandbox.confinement import Sandbox
from ..errors import StartupError
from ..inference.backends.protocol import BackendFactory, Description
from ..inference.batcher import Batcher, Observer
from ..inference.selection import Choice, ways
from ..settings import Settings
from .bundled_model import bundled_model
from .capacity import planned_slots
from .pipeline import OnClip, Pipeline
from .query import INTERACTIVE, Query, Terms
from .results import Classification
from .scheduling import saturation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classifier:
    """Classifies videos, several at once, as long as the block of `open` lasts. Use it in that event loop."""

    manifest: Manifest
    description: Description
    backend_reason: str | None  # why this backend; None if it was given
    sandbox: Sandbox
    decode_slots: int  # videos that are decoded at a time on the cores
    open_slots: int  # videos that are open at a time for that
    _decoder: Decoder
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
            slots, open_slots = planned_slots(settings)
            decoder = Decoder(slots, open_slots, settings.sandbox, settings.decoder, settings.devices)
            stack.push_async_callback(decoder.close)
            # The decode server imports what it needs in its own process while the model loads in this one.
            decoding = asyncio.create_task(decoder.start())
            stack.push_async_callback(_end, decoding)
            manifest, choices = await asyncio.to_thread(_open_model, settings, backend)
            make = partial(_batcher, settings, manifest, observer)
            batcher, description, why = await _first_that_loads(choices, make, stack)
            reason = why if backend is None else None
            await decoding
            _log(manifest, description)
            pipeline = Pipeline(settings, manifest, decoder, batcher)
            yield cls(manifest, description, reason, decoder.sandbox, slots, open_slots, decoder, pipeline, batcher)

    async def classify(
        self,
        path: Path,
        query: Query | None = None,
        on_clip: OnClip | None = None,
        on_progress: OnProgress | None = None,
        terms: Terms = INTERACTIVE,
    ) -> Classification:
        """Classify the video at `path`; `on_clip` is called with each clip, in order, as soon as it is known.

        `on_progress` is called, where no clip comes for long, with how much of the video is decoded.

        Cancelling it kills the decoder and drops the clips still queued. Raises ServiceError.
        """
        return await self._pipeline.classify(path, query, on_clip, on_progress, terms)

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
        return self._decoder.open_videos

    @property
    def nvdec(self) -> tuple[bool, str]:
        """Whether NVDEC decodes, and what of it there is, or why it does not."""
        return self._decoder.nvdec

    @property
    def on_nvdec(self) -> int:
        """Videos that NVDEC decodes now."""
        return self._decoder.on_nvdec

    @property
    def queued_clips(self) -> int:
        """Clips that wait for the network."""
        return self._batcher.depth

    @property
    def workers(self) -> tuple[int, int]:
        """Workers that work, and workers there were: one for each device, or for each clip at once on a CPU."""
        return self._batcher.working, self._batcher.workers

    @property
    def saturation(self) -> float:
        """How much there is to do of what can be done at a time; above 1 somebody waits. See `scheduling`."""
        decoding, waiting = self._pipeline.demand
        return saturation(decoding, waiting, self._decoder.at_once, self._batcher.places)

    def on_failure(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called in this event loop, with the reason, when the last backend has failed for good."""
        loop = asyncio.get_running_loop()
        self._batcher.failed.add_done_callback(lambda failed: loop.call_soon_threadsafe(callback, failed.result()))


def _open_model(settings: Settings, backend: BackendFactory | None) -> tuple[Manifest, Iterator[Choice]]:
    directory = settings.model or bundled_model()
    try:
        manifest = Manifest.load(directory)
    except ManifestError as error:
        raise StartupError(str(error)) from error
    given = Choice("given", "fp32", "it was given", [backend]) if backend is not None else None
    return manifest, iter([given]) if given else ways(settings, directory, manifest)


def _batcher(
    settings: Settings, manifest: Manifest, observer: Observer | None, factories: Sequence[BackendFactory]
) -> Batcher:
    wait = settings.batch_wait_ms / 1000
    return Batcher(
        factories, manifest.clip.shape, len(manifest.labels), settings.max_batch, wait, observer, manifest.embedding
    )


async def _first_that_loads(
    choices: Iterator[Choice], make: Callable[[Sequence[BackendFactory]], Batcher], stack: AsyncExitStack
) -> tuple[Batcher, Description, str]:
    """The first choice that loads, running until `stack` ends, and why it is that one.

    Raises StartupError, with every choice's reason, when none does.
    """
    failures: list[str] = []
    try:
        while (choice := await asyncio.to_thread(next, choices, None)) is not None:
            batcher = make(choice.factories)
            stack.push_async_callback(asyncio.to_thread, batcher.close)
            try:
                description = await _start(batcher)
            except StartupError as error:
                await asyncio.to_thread(batcher.close)
                failures.append(str(error))
                logger.warning("%s: %s", choice.package, error)
                continue
            reason = "; ".join([*failures, choice.reason])
            logger.info("backend %s: %s", choice.package, reason)
            return batcher, description, reason
    except StartupError as error:
        failures.append(str(error))
    raise StartupError("; ".join(failures))


async def _end(task: "asyncio.Task[None]") -> None:
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
