"""One attempt at a job: its video classified in the background, its clips kept as they come."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ..api.answers import classify_answer, clip_labels
from ..api.problem import problem_of
from ..api.schemas import ClipEvent
from ..classification.classifier import Classifier
from ..classification.query import Terms
from ..classification.results import Classification, ClipResult
from ..errors import InferenceError, JobLostError, JobsUnavailableError, NotReadyError, ServiceError, StorageError
from ..telemetry import context
from ..telemetry.metrics import Metrics
from ..telemetry.request_record import RequestRecord
from .assignments import Assignments, LostError, Progress
from .changes import Changes
from .job import Asked, Job
from .videos.storage import Videos

logger = logging.getLogger(__name__)

# Seconds between two changes of a job's progress in the database.
SAVE_SECONDS = 1.0
# Before an attempt that failed for a reason that is not the video's is given back, and before the database is tried
# again: seconds.
RETRY_SECONDS = 5.0
# What alerts look for among the outcomes of attempts: faults that are not the video's.
BACKEND_FAILED, DECODER_FAILED, STORAGE_FAILED = "backend failed", "decoder failed", "storage failed"
# What a server that ends has to give a job back.
GIVE_BACK_SECONDS = 5.0
SERVER_ERROR = 500


@dataclass(frozen=True)
class Workplace:
    """What attempts work with. `seconds`: processor time that decoding may take. `on_end` is called after each."""

    classifier: Classifier
    assignments: Assignments
    videos: Videos
    changes: Changes
    metrics: Metrics
    seconds: float
    on_end: Callable[[], None]


@dataclass(eq=False)
class Attempt:
    """Works on `job` in the name of `server`. Use it in the classifier's event loop."""

    at: Workplace
    job: Job
    server: str
    _asked: Asked = field(init=False)
    _record: RequestRecord = field(init=False)
    _lines: list[bytes] = field(default_factory=list)
    _saved: int = 0
    _seconds: float = 0.0
    _of_seconds: float | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _lost: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._asked = Asked.of(self.job.asked)
        self._record = RequestRecord(self.at.metrics, background=True)

    def lose(self) -> None:
        """The job is not this server's any more: end without changing anything."""
        self._lost.set()

    async def run(self) -> str:
        """What became of it, in a word. Cancelling it gives the job back."""
        context.begin(self.job.request_id, None)
        try:
            outcome = await self._run()
        except LostError:
            outcome = "lost"
        except asyncio.CancelledError:
            await self._give_back()
            outcome = "given back"
        self.at.metrics.jobs_attempts.labels(outcome).inc()
        logger.info("job %s: %s", self.job.id, outcome, extra={"facts": {"job": self.job.id, "outcome": outcome}})
        self.at.changes.tell(self.job.id)
        self.at.on_end()
        return outcome

    async def _run(self) -> str:
        try:
            done = await self._classified()
        except ServiceError as error:
            return await self._refused(error)
        except LostError:
            raise
        except Exception:
            logger.exception("job %s failed in a way that was not foreseen", self.job.id)
            return await self._refused(ServiceError("an unexpected error; see the server's log"))
        self._record.classified(done)
        answer = await asyncio.to_thread(self._answer, done)
        last = Progress(len(done.clips), (), done.ended.duration_seconds, None)
        await self._surely(lambda: self.at.assignments.succeed(self.job, self.server, answer, last))
        await self._remove_video()
        return "succeeded"

    def _answer(self, done: Classification) -> bytes:
        classifier = self.at.classifier
        found = classify_answer(
            done, classifier.manifest, classifier.description, self._asked.top_k, self.job.upload_seconds
        )
        return found.model_dump_json().encode()

    async def _classified(self) -> Classification:
        """Raises LostError when the job is not ours any more, and whatever the classification does."""
        working = asyncio.create_task(self._fetch_and_classify())
        saving, lost = asyncio.create_task(self._save_as_they_come()), asyncio.create_task(self._lost.wait())
        tasks = (working, saving, lost)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in tasks:
                if each is not working or not working.done():
                    each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not working.cancelled():
            return working.result()
        if not saving.cancelled():
            saving.result()
        raise LostError

    async def _fetch_and_classify(self) -> Classification:
        terms = Terms(background=True, seconds=self.at.seconds)
        async with self.at.videos.at_hand(self.job.id, self.job.bytes) as video:
            return await self.at.classifier.classify(video, self._asked.query, self._on_clip, None, terms)

    def _on_clip(self, result: ClipResult) -> None:
        self._record.clip(result)
        labels, end = self.at.classifier.manifest.labels, result.span.end_seconds
        clip = clip_labels(result, labels, self._asked.top_k)
        self._lines.append(ClipEvent(**dict(clip), progress=result.progress).model_dump_json().encode())
        self._seconds, self._of_seconds = end, end / result.progress if result.progress else None
        self._news.set()

    async def _save_as_they_come(self) -> None:
        """Raises LostError. What cannot be saved now is saved with the next."""
        while True:
            await self._news.wait()
            self._news.clear()
            lines = self._lines[:]
            with suppress(ServiceError):
                progress = Progress(self._saved, lines, self._seconds, self._of_seconds)
                await self.at.assignments.save(self.job, self.server, progress)
                self._saved += len(lines)
                del self._lines[: len(lines)]
                self.at.changes.tell(self.job.id)
            if self._lines:
                self._news.set()
            await asyncio.sleep(SAVE_SECONDS)

    async def _refused(self, error: ServiceError) -> str:
        """The video's fault ends the job, as does the loss of it; another's has it begun anew."""
        problem = problem_of(error, self.job.request_id).model_dump_json()
        theirs = int(error.status) < SERVER_ERROR and not isinstance(error, StorageError)
        if theirs or isinstance(error, JobLostError):
            await self._surely(lambda: self.at.assignments.fail(self.job, self.server, problem))
            await self._remove_video()
            return "failed"
        logger.warning("job %s: %s: %s", self.job.id, error.slug, error.detail)
        await asyncio.sleep(RETRY_SECONDS)
        if isinstance(error, (NotReadyError, JobsUnavailableError)):
            await self._surely(lambda: self.at.assignments.give_back(self.job, self.server))
            return STORAGE_FAILED if isinstance(error, JobsUnavailableError) else "given back"
        if await self._surely(lambda: self.at.assignments.strike(self.job, self.server, problem)):
            await self._remove_video()
            return "failed"
        return BACKEND_FAILED if isinstance(error, InferenceError) else DECODER_FAILED

    async def _surely(self, change: Callable[[], Awaitable[bool | None]]) -> bool | None:
        """Make a change, however long the database is away. Raises LostError."""
        while True:
            try:
                return await change()
            except ServiceError:
                await asyncio.sleep(RETRY_SECONDS)

    async def _give_back(self) -> None:
        """As the server ends. If the database is away now, another server finds the job lost."""
        with suppress(LostError, ServiceError, TimeoutError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self.at.assignments.give_back(self.job, self.server)

    async def _remove_video(self) -> None:
        await self.at.videos.remove(self.job.id)
