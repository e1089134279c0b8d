"""One request from upload to classification, given up when nobody waits for it any more."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from ..classification.query import Query
from ..classification.results import Classification, ClipResult
from ..errors import DeadlineError
from .lifecycle import Lifecycle
from .request_log import record_of
from .uploads.receive import receive

T = TypeVar("T")


@dataclass(frozen=True)
class Answered:
    """A classified upload."""

    done: Classification
    upload_seconds: float


async def classify_upload(
    request: Request, lifecycle: Lifecycle, query: Query, on_clip: Callable[[ClipResult], None] | None = None
) -> Answered:
    """Receive the request's video and classify it; `on_clip` is called with each clip, in order.

    Raises ServiceError, and ClientDisconnect when the client has left.
    """
    classifier, record = lifecycle.classifier, record_of(request)

    def note(result: ClipResult) -> None:
        record.clip(result)
        if on_clip is not None:
            on_clip(result)

    started = time.monotonic()
    with lifecycle.admission.enter() as visit:
        async with receive(request, lifecycle.spool, lifecycle.settings, visit.uploading) as upload:
            visit.uploaded()
            record.uploaded(started, upload.size)
            uploaded = time.monotonic() - started
            done = await guarded(request, lifecycle, classifier.classify(upload.path, query, note))
    record.classified(done)
    return Answered(done, uploaded)


async def guarded(request: Request, lifecycle: Lifecycle, work: Coroutine[Any, Any, T]) -> T:
    """`work`'s result, unless the client leaves, the deadline passes or the server gives up first.

    Raises ClientDisconnect, DeadlineError or NotReadyError then; `work` is cancelled and has ended.
    """
    seconds = lifecycle.settings.request_timeout_seconds
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(disconnected(request))
    aborted = asyncio.create_task(lifecycle.aborted.wait())
    try:
        await asyncio.wait({task, gone, aborted}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientDisconnect
        if aborted.done():
            raise lifecycle.refusal()
        raise DeadlineError(f"not done within {seconds:g} s")
    finally:
        for each in (task, gone, aborted):
            each.cancel()
        await asyncio.wait({task, gone, aborted})


async def disconnected(request: Request) -> None:
    """Returns when the client has left; only once the body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
