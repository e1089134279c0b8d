"""Everything about jobs that a server has: opened with its model, closed before it."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..api.problem import problem_of
from ..classification.classifier import Classifier
from ..classification.scheduling import jobs_at_once
from ..errors import (
    JobLostError,
    JobsUnavailableError,
    NotReadyError,
    ServiceError,
    StartupError,
)
from ..settings import Settings
from ..telemetry.metrics import Metrics
from .arrivals import Arrivals
from .assignments import Assignments
from .attempt import Workplace
from .changes import LOOK_SECONDS, Changes, soon
from .database import Database, sqlite_url
from .job import Asked, Job
from .liveness import Liveness
from .outbox import Outbox
from .retention import Retention
from .runner import Runner
from .submissions import Limits, Submission, Submissions
from .videos.opening import open_videos
from .videos.storage import Videos
from .webhooks.courier import Courier
from .webhooks.targets import Targets

OFF = "off"
SQLITE_FILE = "jobs.sqlite"
# For a client that waits for a job on a server that is to end.
RETRY = {"Retry-After": "5"}
LOST = JobLostError("its server ended three times while it worked on this job; the video may be why")


@dataclass(frozen=True)
class Sender:
    """Who sends a job. `owner`: the name of the key, "" where the service has none; `key`: an idempotency key."""

    owner: str
    request_id: str
    key: str | None = None
    webhook: str | None = None


@dataclass(frozen=True)
class Jobs:
    """Use it in the event loop that it was opened in."""

    videos: Videos
    submissions: Submissions
    arrivals: Arrivals
    outbox: Outbox
    targets: Targets
    changes: Changes
    closing: asyncio.Event
    _runner: Runner
    _model: str

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, classifier: Classifier, metrics: Metrics) -> AsyncIterator["Jobs"]:
        """Jobs as the settings have them, worked on until the block is left. Raises StartupError."""
        async with (
            open_videos(settings.jobs_videos, folder_of(settings)) as videos,
            Database.open(_url(settings)) as database,
            _courier(settings, database) as on_end,
        ):
            model = classifier.manifest.weights_sha256
            changes, assignments = Changes(), Assignments(database, model)
            at = Workplace(classifier, assignments, videos, changes, metrics, settings.jobs_timeout_seconds, on_end)
            liveness = Liveness(database, problem_of(LOST, "").model_dump_json())
            retention = Retention(database, videos, settings.jobs_ttl_seconds)
            at_once = jobs_at_once(classifier.decode_slots, classifier.open_slots)
            runner = Runner(at, liveness, retention, at_once)
            submissions = Submissions(database, Limits(settings.jobs_waiting, settings.jobs_bytes))
            try:
                await runner.start()
                outbox, targets = Outbox(database), _targets(settings)
                arrivals, closing = Arrivals(submissions.check_room), asyncio.Event()
                yield cls(videos, submissions, arrivals, outbox, targets, changes, closing, runner, model)
            except JobsUnavailableError as error:
                raise StartupError(error.detail) from error
            finally:
                await runner.close()

    async def submit(self, upload: Path, size: int, upload_seconds: float, asked: Asked, sender: Sender) -> Job:
        """Take the job over, with its video, which may be moved; both are kept when this returns.

        The job that was there before, where its idempotency key says so. Raises JobsFullError, JobsStorageError,
        IdempotencyConflictError, JobsUnavailableError.
        """
        job, text = secrets.token_urlsafe(18), asked.text()
        fingerprint = await asyncio.to_thread(_fingerprint, upload, text) if sender.key is not None else None
        await self.videos.keep(upload, job)
        try:
            added = await self.submissions.add(
                Submission(
                    id=job,
                    owner=sender.owner,
                    request_id=sender.request_id,
                    model=self._model,
                    asked=text,
                    bytes=size,
                    upload_seconds=upload_seconds,
                    created=time.time(),
                    key=sender.key,
                    fingerprint=fingerprint,
                    webhook=sender.webhook,
                )
            )
        except ServiceError as error:
            # It may be in the database after all when the answer was lost: then its video is needed.
            if not isinstance(error, JobsUnavailableError):
                await self.videos.remove(job)
            raise
        if added.id != job:
            await self.videos.remove(job)
        self._runner.wake()
        return added

    async def forget(self, job: str, owner: str) -> Job:
        """Cancel a job, if it is not over, and forget it. The job as it was. Raises NoSuchJobError."""
        found = await self.submissions.remove(job, owner)
        self._runner.let_go(job)
        self.changes.tell(job)
        await self.videos.remove(job)
        return found

    async def wait(self, job: str, owner: str, seconds: float) -> Job:
        """The job when it is over, or as it is after `seconds`, whichever is first.

        Raises NoSuchJobError, and NotReadyError when the server is to end before that.
        """
        with self.changes.of(job) as changed:
            deadline = time.monotonic() + seconds
            while True:
                changed.clear()
                found = await self.submissions.find(job, owner)
                left = deadline - time.monotonic()
                if found.is_over or left <= 0:
                    return found
                if self.closing.is_set():
                    raise NotReadyError("the server is shutting down; ask another, or a little later", RETRY)
                await soon(changed, min(left, LOOK_SECONDS))

    def drain(self) -> None:
        """Take no more up, and keep nobody waiting."""
        self.closing.set()
        self._runner.drain()


def folder_of(settings: Settings) -> Path:
    """Where the videos of jobs are, or come by, and SQLite's file."""
    return settings.jobs_dir or platformdirs.user_state_path("r3d") / "jobs"


def _url(settings: Settings) -> str:
    if settings.jobs is not None:
        return settings.jobs.get_secret_value()
    return sqlite_url(folder_of(settings) / SQLITE_FILE)


def _targets(settings: Settings) -> Targets:
    return Targets(settings.webhook_hosts, settings.webhook_networks)


@asynccontextmanager
async def _courier(settings: Settings, database: Database) -> AsyncIterator[Callable[[], None]]:
    """Webhooks are sent until the block is left, if there are any; gives what wakes who sends them."""
    if not settings.webhook_hosts:
        yield lambda: None
        return
    if settings.webhook_secret is None:
        raise StartupError("R3D_WEBHOOK_HOSTS needs R3D_WEBHOOK_SECRET, with which webhooks are signed")
    courier = Courier(Outbox(database), _targets(settings), settings.webhook_secret.get_secret_value())
    async with courier.at_work():
        yield courier.wake


def _fingerprint(video: Path, asked: str) -> str:
    with video.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    digest.update(asked.encode())
    return digest.hexdigest()
