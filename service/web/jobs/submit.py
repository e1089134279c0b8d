"""A video is received and becomes a job."""

import re
import time
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from ...errors import ParameterError
from ...jobs.arrivals import Arrival
from ...jobs.job import Asked
from ...jobs.jobs import Jobs, Sender
from ...jobs.told import answer
from ..classify import given_up, unless
from ..lifecycle import Lifecycle
from ..owner import owner_of
from ..request_id import request_id_of
from ..request_log import record_of
from ..uploads.receive import receive
from .prefer import RESPOND_ASYNC

ACCEPTED = 202
# RFC 9110's visible characters; the draft's quotes around the key are a part of it.
KEY = re.compile(r"[!-~]{1,255}")
IDEMPOTENCY_KEY = "Idempotency-Key"


async def submit(request: Request, lifecycle: Lifecycle, jobs: Jobs, asked: Asked, webhook: str | None) -> Response:
    """Receive the request's video and put it in; on disk before the answer. Raises ServiceError."""
    if webhook is not None:
        jobs.targets.check(webhook)
    sender = Sender(owner_of(request), request_id_of(request), _key(request), webhook)
    settings = lifecycle.settings
    of_job = settings.model_copy(update={"max_upload_bytes": settings.jobs_max_upload_bytes})
    started = time.monotonic()
    with lifecycle.admission.attend():
        async with AsyncExitStack() as stack:
            length = min(_length(request), of_job.max_upload_bytes)
            arrival = await stack.enter_async_context(jobs.arrivals.one(length))
            receiving = receive(_counted(request, arrival), lifecycle.jobs_spool, of_job, lambda: None)
            upload = await unless(stack.enter_async_context(receiving), given_up(lifecycle))
            record_of(request).uploaded(started, upload.size)
            submitting = jobs.submit(upload.path, upload.size, time.monotonic() - started, asked, sender)
            job = await unless(submitting, given_up(lifecycle))  # on its way to a bucket it may take as long again
    record_of(request).outcome = "accepted"
    headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": RESPOND_ASYNC}
    return Response(answer(job, None, await jobs.outbox.find(job.id)), ACCEPTED, headers, "application/json")


def _key(request: Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not KEY.fullmatch(key):
        raise ParameterError(f"{IDEMPOTENCY_KEY}: 1 to 255 visible characters of ASCII")
    return key


def _counted(request: Request, arrival: Arrival) -> Request:
    """The same request; what comes of its body is told to `arrival`."""

    async def counting() -> Message:
        message = await request.receive()
        await arrival.came(len(message.get("body", b"")))
        return message

    return Request(request.scope, counting)


def _length(request: Request) -> int:
    length = request.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
