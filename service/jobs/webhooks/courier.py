"""Tells what is due, signed, to the address that was looked up and no other."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import httpx
from pydantic import BaseModel
from standardwebhooks import Webhook as Signer

from ...api.jobs import JobCall
from ...errors import ServiceError
from ..changes import soon
from ..job import Job
from ..outbox import Outbox, Webhook
from ..told import summary
from .targets import ForbiddenTargetError, Targets

logger = logging.getLogger(__name__)

AT_ONCE = 8
# Of one try, in all.
TRY_SECONDS = 15.0
# Seconds between two looks for what is due again, or was left by another server.
LOOK_SECONDS = 2.0


class Courier:
    """Use it in one event loop."""

    def __init__(self, outbox: Outbox, targets: Targets, secret: str) -> None:
        """`secret`: as Standard Webhooks has it."""
        self._outbox = outbox
        self._targets = targets
        self._signer = Signer(secret)
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Tells what is due until the block is left; what is being told then is told again by another server."""
        # The address is not the name, so that certificates are checked by what the request says.
        transport = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(), retries=0)
        async with httpx.AsyncClient(transport=transport, timeout=TRY_SECONDS, follow_redirects=False) as http:
            working = asyncio.create_task(self._work(http))
            try:
                yield
            finally:
                working.cancel()
                await asyncio.wait([working])

    def wake(self) -> None:
        """A job is over."""
        self._wake.set()

    async def _work(self, http: httpx.AsyncClient) -> None:
        while True:
            self._wake.clear()
            due: list[tuple[Job, Webhook]] = []
            with suppress(ServiceError):
                due = await self._outbox.due(AT_ONCE)
            await asyncio.gather(*(self._tell(http, job, webhook) for job, webhook in due))
            if len(due) < AT_ONCE:
                await soon(self._wake, LOOK_SECONDS)

    async def _tell(self, http: httpx.AsyncClient, job: Job, webhook: Webhook) -> None:
        status, detail = None, ""
        try:
            async with asyncio.timeout(TRY_SECONDS):
                status = await self._send(http, job, webhook.url)
        except ForbiddenTargetError as error:
            detail = str(error)
        except TimeoutError:
            detail = f"no answer within {TRY_SECONDS:g} s"
        except httpx.HTTPError as error:
            detail = f"the host cannot be reached: {type(error).__name__}"
        with suppress(ServiceError):
            if status is not None and 200 <= status < 300:
                await self._outbox.delivered(job.id, status)
                return
            logger.warning("the webhook of job %s: try %d: %s", job.id, webhook.tries, detail or status)
            await self._outbox.failed(job.id, webhook.tries, status, detail or "not accepted")

    async def _send(self, http: httpx.AsyncClient, job: Job, text: str) -> int:
        """The status that is answered; the rest of the answer is not read."""
        url = httpx.URL(text)
        address = await self._targets.address(url)
        now = datetime.now(UTC)
        told: BaseModel = JobCall(type=f"job.{job.status}", timestamp=now, data=summary(job))
        body, call = told.model_dump_json(), f"job_{job.id}"
        headers = {
            "Host": url.netloc.decode(),
            "Content-Type": "application/json",
            "webhook-id": call,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(call, now, body),
        }
        there = url.copy_with(host=str(address))
        names = {"sni_hostname": url.host}
        async with http.stream("POST", there, content=body, headers=headers, extensions=names) as answer:
            return answer.status_code
