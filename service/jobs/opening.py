"""Everything about jobs that a server has: opened with its model, closed before it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import platformdirs

from ..api.problem import problem_of
from ..classification.classifier import Classifier
from ..classification.scheduling import jobs_at_once
from ..errors import JobLostError, JobsUnavailableError, StartupError
from ..settings import Settings
from ..telemetry.metrics import Metrics
from .arrivals import Arrivals
from .assignments import Assignments
from .attempt import Workplace
from .changes import Changes
from .database import Database, sqlite_url
from .jobs import Jobs
from .liveness import Liveness
from .outbox import Outbox
from .retention import Retention
from .runner import Runner
from .submissions import Limits, Submissions
from .videos.opening import open_videos
from .webhooks.courier import Courier
from .webhooks.targets import Targets

OFF = "off"
SQLITE_FILE = "jobs.sqlite"
LOST = JobLostError("its server ended three times while it worked on this job; the video may be why")


@asynccontextmanager
async def open_jobs(settings: Settings, classifier: Classifier, metrics: Metrics) -> AsyncIterator[Jobs]:
    """Jobs as the settings have them, worked on until the block is left. Raises StartupError."""
    async with AsyncExitStack() as stack:
        videos = await stack.enter_async_context(open_videos(settings.jobs_videos, folder_of(settings)))
        database = await stack.enter_async_context(Database.open(_url(settings)))
        outbox, targets = Outbox(database), Targets(settings.webhook_hosts, settings.webhook_networks)
        on_end = await stack.enter_async_context(_courier(settings, outbox, targets))
        model = classifier.manifest.weights_sha256
        changes, assignments = Changes(), Assignments(database, model)
        at = Workplace(classifier, assignments, videos, changes, metrics, settings.jobs_timeout_seconds, on_end)
        liveness = Liveness(database, problem_of(LOST, "").model_dump_json())
        retention = Retention(database, videos, settings.jobs_ttl_seconds)
        runner = Runner(at, liveness, retention, jobs_at_once(classifier.decode_slots, classifier.open_slots))
        stack.push_async_callback(runner.close)
        try:
            await runner.start()
        except JobsUnavailableError as error:
            raise StartupError(error.detail) from error
        submissions = Submissions(database, Limits(settings.jobs_waiting, settings.jobs_bytes))
        arrivals, closing = Arrivals(submissions.check_room), asyncio.Event()
        yield Jobs(videos, submissions, arrivals, outbox, targets, changes, closing, runner, model)


def folder_of(settings: Settings) -> Path:
    """Where the videos of jobs are, or come by, and SQLite's file."""
    return settings.jobs_dir or platformdirs.user_state_path("r3d") / "jobs"


def _url(settings: Settings) -> str:
    if settings.jobs is not None:
        return settings.jobs.get_secret_value()
    return sqlite_url(folder_of(settings) / SQLITE_FILE)


@asynccontextmanager
async def _courier(settings: Settings, outbox: Outbox, targets: Targets) -> AsyncIterator[Callable[[], None]]:
    """Webhooks are sent until the block is left, if there are any; gives what wakes who sends them."""
    if not settings.webhook_hosts:
        yield lambda: None
        return
    if settings.webhook_secret is None:
        raise StartupError("R3D_WEBHOOK_HOSTS needs R3D_WEBHOOK_SECRET, with which webhooks are signed")
    courier = Courier(outbox, targets, settings.webhook_secret.get_secret_value())
    async with courier.at_work():
        yield courier.wake
