"""One request from upload to classification, given up when nobody waits for it any more."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
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
# What ends work when it is over, and the error that this is.
Reason = tuple[Coroutine[Any, Any, object], Callable[[], Exception]]


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
        async with AsyncExitStack() as stack:
            receiving = receive(request, lifecycle.spool, lifecycle.settings, visit.uploading)
            upload = await unless(stack.enter_async_context(receiving), given_up(lifecycle))
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
    late = (asyncio.sleep(seconds), lambda: DeadlineError(f"not done within {seconds:g} s"))
    return await unless(work, (disconnected(request), ClientDisconnect), given_up(lifecycle), late)


def given_up(lifecycle: Lifecycle) -> Reason:
    """The server ends, and waits no longer: the work ends with NotReadyError."""
    return lifecycle.aborted.wait(), lifecycle.refusal


async def unless(work: Coroutine[Any, Any, T], *reasons: Reason) -> T:
    """`work`'s result, unless one of the reasons is over first: its error is raised then, and `work` has ended."""
    task = asyncio.ensure_future(work)
    signs = [(asyncio.ensure_future(sign), error) for sign, error in reasons]
    every = {task, *(sign for sign, _ in signs)}
    try:
        await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise next(error() for sign, error in signs if sign.done())
    finally:
        for each in every:
            each.cancel()
        await asyncio.wait(every)
        if not task.cancelled():
            task.exception()  # it may have failed in the moment in which nobody waits for it any more


async def disconnected(request: Request) -> None:
    """Returns when the client has left; only once the body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
