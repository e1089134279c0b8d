"""The service in a thread of this process, behind a real uvicorn on a free port."""

import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from service.inference.backends.protocol import BackendFactory
from service.settings import Settings
from service.web.app import create_app
from service.web.lifecycle import Lifecycle
from service.web.server import Server, server_config
from service.web.uploads.spool import LOCK, PREFIX

from .client import READY_SECONDS, Client
from .processes import decoding_below
from .stubs import BrightnessBackend, Gate, factory_of
from .waiting import eventually

API_KEY = "correct horse"


def uploads() -> list[Path]:
    """The directories of uploads that are there, of any server of this test run."""
    return [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/*") if path.name != LOCK]


def with_jobs_of_its_own(settings: Settings) -> Settings:
    """Servers that shared jobs would do each other's, whatever tests they belong to."""
    if settings.jobs is not None or settings.jobs_dir is not None:
        return settings
    return settings.model_copy(update={"jobs_dir": Path(tempfile.mkdtemp(prefix="jobs-"))})


class LiveServer(Client):
    """Listens while the block lasts."""

    def __init__(self, settings: Settings, backend: BackendFactory | None = None) -> None:
        app = create_app(with_jobs_of_its_own(settings), backend)
        self.lifecycle: Lifecycle = app.state.lifecycle
        self.server = Server(server_config(app, "127.0.0.1", 0, settings.max_connections), self.lifecycle)
        self._thread = threading.Thread(target=self.server.run)
        self._before = set(psutil.Process().children())
        self._fork_servers: set[psutil.Process] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self.server.started or not self._thread.is_alive())
        port = self.server.servers[0].sockets[0].getsockname()[1]
        super().__init__(f"http://127.0.0.1:{port}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"

    def wait_ready(self, status: str = "ready", seconds: float = READY_SECONDS) -> httpx.Response:
        """Wait for `/health` to say `status`."""
        answer = super().wait_ready(status, seconds)
        if not self._fork_servers:
            self._fork_servers = set(psutil.Process().children()) - self._before
        return answer

    def decoders(self) -> list[psutil.Process]:
        """Its decode children, once it is ready."""
        [server] = self._fork_servers
        return decoding_below(server)


class StubServer(LiveServer):
    """A server with a stub for the network, ready when it is entered.

    A batch is one clip, and is held while `gate` is closed.
    """

    def __init__(self, settings: Settings) -> None:
        self.gate = Gate()
        self.backend = BrightnessBackend(max_batch=1, before=self.gate)
        super().__init__(settings, factory_of(self.backend))

    def __enter__(self) -> Self:
        super().__enter__()
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.open()
        super().__exit__(kind, error, trace)
