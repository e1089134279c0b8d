"""The service in a thread of this process, behind a real uvicorn on a free port."""

import threading
import time
from types import TracebackType
from typing import Self

import httpx

from service.inference.backends.protocol import BackendFactory
from service.settings import Settings
from service.web.app import create_app
from service.web.lifecycle import Lifecycle
from service.web.server import Server, server_config


class LiveServer:
    """Listens while the block lasts."""

    def __init__(self, settings: Settings, backend: BackendFactory | None = None) -> None:
        app = create_app(settings, backend)
        self.lifecycle: Lifecycle = app.state.lifecycle
        self.server = Server(server_config(app, "127.0.0.1", 0), self.lifecycle)
        self._thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self.server.started and self._thread.is_alive():
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.port: int = port
        self.client = httpx.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"

    def wait_ready(self, status: str = "ready", seconds: float = 30) -> httpx.Response:
        """Wait for `/health` to say `status`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.client.get("/health")
            if answer.json()["status"] == status:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"not {status} within {seconds} s: {answer.text}")

    def post(self, content: bytes, **parameters: str | int | float) -> httpx.Response:
        """Send one file to `/classify`."""
        return self.client.post("/classify", files={"file": ("clip.mp4", content)}, params=parameters)
