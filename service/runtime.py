"""Everything that lives as long as the service: decoder, batcher, pipeline, and the state `/health` tells."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError

from .admission import Admission
from .backends.choose import choose
from .backends.protocol import BackendFactory, Description
from .batcher import Batcher
from .bundled import bundled_model
from .decoder import Decoder
from .errors import NotReadyError, StartupError
from .metrics import Metrics
from .pipeline import WINDOW, Pipeline
from .settings import Settings
from .spool import Spool, sweep

logger = logging.getLogger(__name__)


class State(StrEnum):
    """What `/health` answers."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class Runtime:
    """Loads the model in the background; `ready()` gives the pipeline or says why there is none."""

    def __init__(self, settings: Settings, backend: BackendFactory | None = None) -> None:
        """`backend` takes the place of the one the settings would choose."""
        self.settings = settings
        self.state = State.STARTING
        self.reason = "the model is loading"
        self.backend_reason: str | None = None
        self.on_load_failure: Callable[[str], None] = lambda reason: None
        self.admission = Admission(settings.queue_clips, WINDOW)
        self.aborted = asyncio.Event()
        self.spool = Spool()
        self.metrics = Metrics()
        self.metrics.watch(lambda: self.admission.active, lambda: self._batcher.depth if self._batcher else 0)
        self._backend = backend
        self._decoder = Decoder(settings.decode_workers)
        self._batcher: Batcher | None = None
        self._pipeline: Pipeline | None = None
        self._manifest: Manifest | None = None
        self._description: Description | None = None
        self._loading: asyncio.Task[None] | None = None

    @property
    def manifest(self) -> Manifest:
        """The model's manifest. Raises NotReadyError while it is not loaded."""
        if self._manifest is None:
            raise NotReadyError(self.reason)
        return self._manifest

    @property
    def description(self) -> Description:
        """What runs the network. Raises NotReadyError while nothing does."""
        if self._description is None:
            raise NotReadyError(self.reason)
        return self._description

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline, when requests may be taken. Raises NotReadyError with the reason otherwise."""
        if self.state is not State.READY or self._pipeline is None:
            raise NotReadyError(self.reason, {"Retry-After": "1"} if self.state is State.STARTING else None)
        return self._pipeline

    @property
    def is_loaded(self) -> bool:
        """Whether there is a model, whatever happened since."""
        return self._manifest is not None and self.state is not State.FAILED

    def start(self) -> None:
        """Begin to load."""
        self._loading = asyncio.create_task(self._load())

    async def loaded(self) -> None:
        """Wait until loading is over. Raises StartupError when it failed."""
        if self._loading is not None:
            await self._loading
        if self.state is State.FAILED:
            raise StartupError(self.reason)

    async def close(self) -> None:
        """End every thread and process."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        if self._batcher is not None:
            await asyncio.to_thread(self._batcher.close)
        await self._decoder.close()
        self.spool.close()

    def drain(self) -> None:
        """Take no more requests."""
        if self.state is not State.FAILED:
            self.state, self.reason = State.DRAINING, "the server is shutting down"

    def _fail(self, reason: str) -> None:
        self.state, self.reason = State.FAILED, reason
        logger.error("failed: %s", reason)

    async def _load(self) -> None:
        try:
            if left := await asyncio.to_thread(sweep):
                logger.info("removed the uploads of %d servers that ended without doing so", left)
            manifest, factories = await asyncio.to_thread(self._open_model)
            await self._decoder.start()
            description = await self._start_batcher(manifest, factories)
        except (StartupError, ManifestError) as error:
            self._fail(str(error))
            self.on_load_failure(self.reason)
            return
        self._manifest, self._description = manifest, description
        self.metrics.model.info({"name": manifest.name, "architecture": manifest.architecture, **asdict(description)})
        logger.info(
            "model %s (%s, %d classes) on %s, %s, %s",
            *(manifest.name, manifest.architecture, len(manifest.labels)),
            *(description.backend, description.precision, description.device),
        )
        if self.state is State.STARTING:
            self.state, self.reason = State.READY, "ready"

    def _open_model(self) -> tuple[Manifest, Sequence[BackendFactory]]:
        directory = self.settings.model or bundled_model()
        manifest = Manifest.load(Path(directory))
        if self._backend is not None:
            return manifest, [self._backend]
        choice = choose(self.settings, directory, manifest)
        logger.info("backend %s: %s", choice.name, choice.reason)
        self.backend_reason = choice.reason
        return manifest, choice.factories

    async def _start_batcher(self, manifest: Manifest, factories: Sequence[BackendFactory]) -> Description:
        clip = manifest.clip
        shape = (clip.frames, clip.height, clip.width, 3)
        settings = self.settings
        wait = settings.batch_wait_ms / 1000
        batcher = Batcher(factories, shape, len(manifest.labels), settings.max_batch, wait, self.metrics)
        self._batcher = batcher
        try:
            found = await asyncio.gather(*map(asyncio.wrap_future, batcher.start()))
        except Exception as error:
            raise StartupError(f"the backend does not load: {error}") from error
        self._pipeline = Pipeline(self.settings, manifest, self._decoder, batcher)
        loop = asyncio.get_running_loop()
        batcher.failed.add_done_callback(lambda failed: loop.call_soon_threadsafe(self._fail, failed.result()))
        return replace(found[0], device=", ".join(dict.fromkeys(each.device for each in found)))
