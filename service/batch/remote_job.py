"""Long files as jobs of a service: what was sent once is found again, by this run or the next."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from r3d.client import AsyncClient, FollowEvent, Job, JobEvent, Parameters, ProblemError
from r3d.client.request import OnUpload

# Smaller files are through before a connection is in danger, and as requests they go before jobs.
LONG_BYTES = 32 << 20
NO_SUCH_JOB = "no-such-job"
CONFLICT = "idempotency-conflict"


class LongFiles:
    """Files that become jobs of the service that a client asks, with these parameters."""

    def __init__(self, client: AsyncClient, parameters: Parameters) -> None:
        self._client, self._parameters = client, parameters
        self._under_way: dict[str, str] = {}  # jobs by key, so that a file that is asked for again is not sent again

    async def events(self, video: Path, weights_sha256: str, on_upload: OnUpload) -> AsyncGenerator[FollowEvent]:
        """How the file's job is, each clip, then the result; `weights_sha256` are those that are to classify it.

        A job that failed, or is not there any more, is not taken up again: the next call makes a new one. Raises as
        `AsyncClient.submit` and `follow` do.
        """
        key = await asyncio.to_thread(key_of, video, self._parameters, weights_sha256)
        job = self._under_way.get(key) or (await self._submitted(video, key, on_upload)).id
        self._under_way[key] = job
        over = False
        try:
            async with aclosing(self._client.follow(job)) as events:
                async for event in events:
                    over = over or (isinstance(event, JobEvent) and event.is_over)
                    yield event
        except ProblemError as error:
            over = over or error.kind == NO_SUCH_JOB
            raise
        finally:
            if over:
                self._under_way.pop(key, None)

    async def _submitted(self, video: Path, key: str, on_upload: OnUpload) -> Job:
        """The file's job, which an earlier run may have sent; what failed then is tried again."""
        try:
            job = await self._put(video, key, on_upload)
        except ProblemError as error:
            if error.kind != CONFLICT:
                raise
            # The service was updated since, and understands the same parameters otherwise.
            key = f"{key}-again"
            job = await self._put(video, key, on_upload)
        if job.status != "failed":
            return job
        try:
            await self._client.forget(job.id)
        except ProblemError as error:
            if error.kind != NO_SUCH_JOB:  # another run has the same file, and was faster
                raise
        return await self._put(video, key, on_upload)

    async def _put(self, video: Path, key: str, on_upload: OnUpload) -> Job:
        return await self._client.submit(video, key=key, on_upload=on_upload, **self._parameters)


def key_of(video: Path, parameters: Parameters, weights_sha256: str) -> str:
    """The same for the same file, parameters and model, and no other; reads all of the file. Raises OSError."""
    with video.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    digest.update(json.dumps([parameters, weights_sha256], sort_keys=True).encode())
    return digest.hexdigest()
