"""One request from upload to classification, given up when nobody waits for it any more."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from .account import account_of
from .errors import DeadlineError, NotReadyError
from .pipeline import Classification, ClipResult
from .runtime import Runtime
from .upload import receive

T = TypeVar("T")


@dataclass(frozen=True)
class Answered:
    """A classified upload."""

    done: Classification
    upload_seconds: float


async def classify_upload(
    request: Request, runtime: Runtime, frame_rate: float | None, on_clip: Callable[[ClipResult], None] | None = None
) -> Answered:
    """Receive the request's video and classify it; `on_clip` hears of each clip, in order.

    Raises ServiceError, and ClientDisconnect when the client has left.
    """
    pipeline, account = runtime.pipeline, account_of(request)

    def heard(result: ClipResult) -> None:
        account.clip(result)
        if on_clip is not None:
            on_clip(result)

    started = time.monotonic()
    with runtime.admission.enter():
        async with receive(request, runtime.spool, runtime.settings) as upload:
            account.uploaded(started, upload.size)
            uploaded = time.monotonic() - started
            done = await guarded(request, runtime, pipeline.classify(upload.path, frame_rate, heard))
    account.classified(done)
    return Answered(done, uploaded)


async def guarded(request: Request, runtime: Runtime, work: Coroutine[Any, Any, T]) -> T:
    """`work`'s result, unless the client leaves, the deadline passes or the server gives up first.

    Raises ClientDisconnect, DeadlineError or NotReadyError then; `work` is cancelled and has ended.
    """
    seconds = runtime.settings.request_timeout_seconds
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    aborted = asyncio.create_task(runtime.aborted.wait())
    try:
        await asyncio.wait({task, gone, aborted}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientDisconnect
        if aborted.done():
            raise NotReadyError("the server is shutting down")
        raise DeadlineError(f"not done within {seconds:g} s")
    finally:
        for each in (task, gone, aborted):
            each.cancel()
        await asyncio.wait({task, gone, aborted})


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
