"""The server's state: from loading the model to the end of the drain."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from enum import StrEnum

from starlette.requests import Request

from ..classification.classifier import Classifier
from ..classification.scheduling import max_requests
from ..errors import NotReadyError, StartupError
from ..inference.backends.protocol import BackendFactory
from ..jobs.jobs import Jobs
from ..jobs.opening import OFF, folder_of, open_jobs
from ..settings import Settings
from ..telemetry.metrics import Metrics
from .admission import Admission
from .uploads.spool import Spool, sweep

logger = logging.getLogger(__name__)


class State(StrEnum):
    """What `/health` answers."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


# Seconds, for a client that is refused: most models are loaded in two. Who drains, or has failed, is to be followed by
# another process. `curl --retry 5` comes five times, whichever instance it meets then: that is to outlast a restart.
RETRY_AFTER = {State.STARTING: "2", State.DRAINING: "5", State.FAILED: "5"}


def lifecycle_of(request: Request) -> "Lifecycle":
    """That of the app that the request came to."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle


class Lifecycle:
    """Holds what lives as long as the server, and the model once it is loaded. Use it in one event loop.

    `aborted` is set when the requests still running are to be given up.
    """

    def __init__(self, settings: Settings, backend: BackendFactory | None = None) -> None:
        """`backend` takes the place of the one the settings would choose."""
        self.settings = settings
        self.state = State.STARTING
        self.reason = "the model is loading"
        self.on_load_failure: Callable[[str], None] = _log_failure
        self.on_later_failure: Callable[[str], None] = _log_failure
        self.admission = Admission(max_requests(settings.queue_clips))
        self.aborted = asyncio.Event()
        self.spool = self.jobs_spool = Spool()
        self.jobs: Jobs | None = None
        self.metrics = Metrics()
        self.metrics.watch(
            ready=lambda: self.state is State.READY,
            in_progress=lambda: self.admission.active,
            decoders=lambda: self._loaded.open_videos if self._loaded else 0,
            on_nvdec=lambda: self._loaded.on_nvdec if self._loaded else 0,
            queue_clips=lambda: self._loaded.queued_clips if self._loaded else 0,
            workers=lambda: self._loaded.workers[0] if self._loaded else 0,
            saturation=lambda: max(self.admission.occupancy, self._loaded.saturation if self._loaded else 0.0),
        )
        self._backend = backend
        self._loaded: Classifier | None = None
        self._loading_over = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def loaded(self) -> Classifier | None:
        """The model, once it is there and as long as it works; also while the server drains."""
        return None if self.state is State.FAILED else self._loaded

    @property
    def health(self) -> tuple[str, str]:
        """Status and reason: the state, or `degraded` where requests are accepted and a device was lost."""
        if self.state is State.READY and self._loaded is not None:
            working, all_of_them = self._loaded.workers
            if working < all_of_them:
                return "degraded", f"{working} of {all_of_them} workers are left; the log says why"
        return self.state.value, self.reason

    @property
    def classifier(self) -> Classifier:
        """The model, when requests are accepted. Raises NotReadyError with the reason otherwise."""
        if self.state is not State.READY or self._loaded is None:
            raise self.refusal()
        return self._loaded

    @property
    def leaving(self) -> bool:
        """Whether this server is about to end."""
        return self.state in (State.DRAINING, State.FAILED)

    def refusal(self) -> NotReadyError:
        """Why requests are not accepted, or are given up, and when to come again. For any state but `ready`."""
        return NotReadyError(self.reason, {"Retry-After": RETRY_AFTER[self.state]})

    def start(self) -> None:
        """Begin to load the model."""
        self._task = asyncio.create_task(self._run())

    async def wait_until_loaded(self) -> None:
        """Returns when the model is loaded. Raises StartupError when that failed."""
        await self._loading_over.wait()
        if self.state is State.FAILED:
            raise StartupError(self.reason)

    def drain(self) -> None:
        """Accept no more requests."""
        if self.state is not State.FAILED:
            self.state, self.reason = State.DRAINING, "the server is shutting down"
        if self.jobs is not None:
            self.jobs.drain()

    async def close(self) -> None:
        """End every thread and process."""
        self._closing.set()
        if self._task is not None:
            if not self._loading_over.is_set():
                self._task.cancel()
            await asyncio.wait([self._task])
        self.spool.close()

    async def _run(self) -> None:
        """Everything between loading the model and letting go of it."""
        try:
            if left := await asyncio.to_thread(sweep):
                logger.info("removed the uploads of %d servers that ended without doing so", left)
            async with (
                Classifier.open(self.settings, self._backend, self.metrics) as classifier,
                self._jobs_on(classifier),
            ):
                classifier.on_failure(self._fail_later)
                self._become_ready(classifier)
                await self._closing.wait()
        except StartupError as error:
            self._fail_to_load(str(error))
        except Exception as error:
            logger.exception("loading the model failed in a way that was not foreseen")
            self._fail_to_load(f"{type(error).__name__}: {error}")
        finally:
            self._loading_over.set()

    @asynccontextmanager
    async def _jobs_on(self, classifier: Classifier) -> AsyncIterator[None]:
        """Jobs, if they are kept, as long as the block lasts. Raises StartupError."""
        if not await asyncio.to_thread(_keeps_jobs, self.settings):
            yield
            return
        async with open_jobs(self.settings, classifier, self.metrics) as self.jobs:
            await asyncio.to_thread(sweep, self.jobs.videos.incoming)
            self.jobs_spool = Spool(self.jobs.videos.incoming)
            try:
                yield
            finally:
                self.jobs, spool = None, self.jobs_spool
                spool.close()

    def _become_ready(self, classifier: Classifier) -> None:
        manifest, description = classifier.manifest, classifier.description
        self.metrics.model.info({"name": manifest.name, "architecture": manifest.architecture, **asdict(description)})
        self.metrics.confined_by(classifier.sandbox)
        self._loaded = classifier
        if self.state is State.STARTING:
            self.state, self.reason = State.READY, "ready"
        self._loading_over.set()

    def _fail_to_load(self, reason: str) -> None:
        if not self._loading_over.is_set():
            self.state, self.reason = State.FAILED, reason
            self.on_load_failure(reason)

    def _fail_later(self, reason: str) -> None:
        self.state, self.reason = State.FAILED, reason
        if self.jobs is not None:
            self.jobs.drain()
        self.on_later_failure(reason)


def _keeps_jobs(settings: Settings) -> bool:
    """Whether jobs are wanted; or nobody said, and there is a place for them."""
    if any(each is not None for each in (settings.jobs, settings.jobs_dir, settings.jobs_videos)):
        return settings.jobs is None or settings.jobs.get_secret_value() != OFF
    try:
        folder_of(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("no jobs are kept, as R3D_JOBS_DIR is not set and there is no place for them: %s", error)
        return False
    return True


def _log_failure(reason: str) -> None:
    logger.error("failed: %s", reason)
