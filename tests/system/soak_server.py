"""The server under soak: a process of its own with its limits on, and what it holds."""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from ..support.processes import decoding_below

REQUEST_SECONDS = 300.0  # the server's own deadline
DECODE_MEMORY = 512 << 20
IDLE_PROCESSES = 2  # the fork server, and the child that waits for a video


class Server:
    """`r3d-serve`, started when this is made. Raises SystemExit when it does not become ready within a minute."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        environment = os.environ | {
            "TMPDIR": str(self.temporary),
            "R3D_REQUEST_TIMEOUT_SECONDS": str(REQUEST_SECONDS),
            "R3D_DECODE_MEMORY_BYTES": str(DECODE_MEMORY),
            "R3D_UPLOAD_TIMEOUT_SECONDS": "5",
        }
        self._log_path = folder / "log"
        command = [str(Path(sys.executable).with_name("r3d-serve")), "--port", "0"]
        with self._log_path.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, env=environment)
        self.url = self._address()
        self.port = int(self.url.rsplit(":", 1)[1])

    def _address(self) -> str:
        for _ in range(600):
            if found := re.search(r"http://[\d.:]+", self.log):
                with suppress(httpx.TransportError):
                    if httpx.get(f"{found[0]}/health").status_code == 200:
                        return found[0]
            time.sleep(0.1)
        self.stop()
        raise SystemExit(f"the server did not start: {self.log}")

    @property
    def log(self) -> str:
        """All that it has written to standard error."""
        return self._log_path.read_text()

    def stop(self) -> None:
        """End it as an operator would, with SIGTERM, and wait."""
        self.process.terminate()
        self.process.wait(60)

    def holds(self) -> dict[str, int]:
        """Bytes of memory (with the idle fork server's), and counts."""
        process = psutil.Process(self.process.pid)
        children = process.children(recursive=True)
        return {
            "memory": sum(each.memory_info().rss for each in [process, *children]),
            "processes": len(children),
            "threads": process.num_threads(),
            "descriptors": process.num_fds(),
            "files": sum(1 for path in self.temporary.rglob("video")),
        }

    def settle(self) -> dict[str, int]:
        """What it holds once nothing is in progress, or after ten seconds."""
        for _ in range(100):
            held = self.holds()
            if held["processes"] == IDLE_PROCESSES and held["files"] == 0:
                break
            time.sleep(0.1)
        return held


class DecodeMemory(threading.Thread):
    """The largest resident size that any decode child reaches, in bytes, until it is stopped."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.largest = 0
        self._stopped = threading.Event()
        self._server = psutil.Process(server.process.pid)

    def run(self) -> None:
        while not self._stopped.wait(0.01):
            with suppress(psutil.Error):
                for fork_server in self._server.children():
                    for child in decoding_below(fork_server):
                        self.largest = max(self.largest, child.memory_info().rss)

    def stop(self) -> int:
        """The largest size."""
        self._stopped.set()
        self.join()
        return self.largest
