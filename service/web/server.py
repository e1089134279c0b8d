"""uvicorn with a drain: after SIGTERM it goes on answering until the running requests are done."""

import asyncio
import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ..errors import StartupError
from .connections import IDLE_SECONDS, Connection
from .lifecycle import Lifecycle, State
from .listening import address_of
from .uploads.receive import MAX_HEADER_BYTES

logger = logging.getLogger(__name__)

# From the second signal to the end of the process, whatever still goes on: a batch cannot be interrupted.
STOP_SECONDS = 0.9


def server_config(app: FastAPI, host: str, port: int, max_connections: int) -> uvicorn.Config:
    """Uvicorn's configuration for this service; more than `max_connections` at a time are refused."""
    lifecycle: Lifecycle = app.state.lifecycle
    connection = partial(Connection, max_connections, lifecycle.metrics.connections_refused.inc)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=connection,  # type: ignore[arg-type]  # a class, says uvicorn, but only calls it
        log_config=None,
        ws="none",
        server_header=False,
        access_log=False,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=5,
    )


class Server(uvicorn.Server):
    """Stops by itself when the model cannot be loaded, and when the last backend is lost; `failure` then says why.

    In the second case it answers first what it has. Nothing but a new process gets a lost GPU back.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        super().__init__(config)
        self.failure: str | None = None
        self._lifecycle = lifecycle
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._announcing: asyncio.Task[None] | None = None
        lifecycle.on_load_failure = self._failed
        lifecycle.on_later_failure = self._lost

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn, which says where it listens, before anything can be answered, only of sockets of its own."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if sockets:
            self._announcing = asyncio.create_task(self._announce(address_of(self.config.host, sockets)))

    async def _announce(self, address: str) -> None:
        """The last line of a start."""
        with suppress(StartupError):
            await self._lifecycle.wait_until_loaded()
            if self._lifecycle.state is State.READY:
                logger.info("ready: %s", address)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: stop at once. Called outside the event loop."""
        if self._loop is None:
            super().handle_exit(sig, frame)
        elif self._draining is None:
            self._loop.call_soon_threadsafe(self._begin_drain)
        else:
            # Who still waits is told so, in our words, before uvicorn cuts the connections.
            self._loop.call_soon_threadsafe(self._lifecycle.aborted.set)
            super().handle_exit(sig, frame)
            _end_soon(sig)

    def _begin_drain(self) -> None:
        if self._draining is None:
            self._lifecycle.drain()
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._lifecycle.settings.drain_seconds):
                await self._lifecycle.admission.idle()
        except TimeoutError:
            self._lifecycle.aborted.set()
        self.should_exit = True

    def _lost(self, reason: str) -> None:
        self.failure = reason
        self._begin_drain()

    def _failed(self, reason: str) -> None:
        self.failure = reason
        self.should_exit = True


def _end_soon(sig: int) -> None:
    """Have the signal end this process in a moment, unless it has ended by then. What it leaves, the next one removes.

    Call it in the main thread.
    """
    signal.signal(sig, signal.SIG_DFL)
    ending = threading.Timer(STOP_SECONDS, os.kill, (os.getpid(), sig))
    ending.daemon = True
    ending.start()
