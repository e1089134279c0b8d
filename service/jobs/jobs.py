"""What is done with jobs over HTTP: put in, waited for, forgotten. `opening.py` makes it."""

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import JobsUnavailableError, NotReadyError, ServiceError
from .arrivals import Arrivals
from .changes import LOOK_SECONDS, Changes, soon
from .job import ASK_AGAIN, Asked, Job
from .outbox import Outbox
from .runner import Runner
from .submissions import Submission, Submissions
from .videos.storage import Videos
from .webhooks.targets import Targets


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
                    raise NotReadyError("the server is shutting down; ask another, or a little later", ASK_AGAIN)
                await soon(changed, min(left, LOOK_SECONDS))

    def drain(self) -> None:
        """Take no more up, and keep nobody waiting."""
        self.closing.set()
        self._runner.drain()


def _fingerprint(video: Path, asked: str) -> str:
    with video.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    digest.update(asked.encode())
    return digest.hexdigest()
