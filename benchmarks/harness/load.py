"""A server as a process of its own, clients that post videos to it, and what that costs."""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import psutil

from .metrics import samples
from .processes import stop
from .sampling import sampling
from .timing import percentile

START_SECONDS = 60
BOUNDARY = "a-boundary-that-no-video-holds"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
# What stands before and behind a video in the form's body.
FORM_HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="video"\r\n\r\n'.encode()
FORM_END = f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass
class Load:
    """What a server did under load. Times in seconds, memory in bytes."""

    latencies: list[float] = field(default_factory=list)
    clips: int = 0
    seconds: float = 0.0
    idle: int = 0
    peak: int = 0

    def figures(self) -> dict[str, float]:
        """Rates, latencies and memory. At least one video must have been answered."""
        return {
            "videos_per_second": round(len(self.latencies) / self.seconds, 2),
            "clips_per_second": round(self.clips / self.seconds, 1),
            "p50_ms": round(statistics.median(self.latencies) * 1000),
            "p95_ms": round(percentile(self.latencies, 0.95) * 1000),
            "p99_ms": round(percentile(self.latencies, 0.99) * 1000),
            "idle_mb": round(self.idle / 1e6),
            "peak_over_idle_mb": round((self.peak - self.idle) / 1e6),
        }


def resident(process: psutil.Process) -> int:
    """Bytes of memory of a process and its children; what they share counts once (PSS)."""
    total = 0
    with suppress(psutil.Error):
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total


@contextmanager
def watched(process: psutil.Process, load: Load) -> Iterator[None]:
    """Note the memory before, and its peak within, the block."""
    load.idle = load.idle or resident(process)

    def look() -> None:
        load.peak = max(load.peak, resident(process))

    with sampling(look, 0.2):
        yield


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], ready: str = "/health", **environment: str) -> Iterator[tuple[psutil.Process, str]]:
    """A server in a process of its own, and its URL, once it answers `ready` with 200.

    Its port is added to `command` as the last argument. Raises RuntimeError when it does not start.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    everything = [*command, str(port)]
    null = subprocess.DEVNULL
    with subprocess.Popen(everything, env=os.environ | environment, stdout=null, stderr=null) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(url + ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start")
                time.sleep(0.1)
            yield psutil.Process(process.pid), url
        finally:
            stop(process)


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url).status_code == 200
    return False


def service(model: Path, **environment: str) -> AbstractContextManager[tuple[psutil.Process, str]]:
    """The server of this project."""
    command = [str(Path(sys.executable).with_name("r3d-serve")), "--model", str(model), "--port"]
    return running(command, **environment)


def form(video: bytes) -> bytes:
    """A video as a form's body, made once: the clients run beside the server and should cost little."""
    return FORM_HEAD + video + FORM_END


def post(session: httpx.Client, url: str, body: bytes) -> int:
    """Post a form; how many clips were answered. Raises httpx.HTTPStatusError."""
    answer = session.post(f"{url}/classify", content=body, headers=FORM)
    answer.raise_for_status()
    return len(answer.json()["clips"])


class SteadyRate:
    """Clips/s by the service's own count, from a quarter of a load's time to its end: no start, no tail."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._thread = threading.Thread(target=self._measure, args=(seconds,))
        self._thread.start()
        self._rate = 0.0

    def _measure(self, seconds: float) -> None:
        time.sleep(seconds / 4)
        clips, started = self._clips(), time.monotonic()
        time.sleep(seconds * 3 / 4)
        self._rate = (self._clips() - clips) / (time.monotonic() - started)

    def _clips(self) -> float:
        return samples(self._url)["r3d_clips_classified_total"]

    def result(self) -> float:
        """Clips/s; waits until the load's time is over."""
        self._thread.join()
        return self._rate


def press(url: str, videos: Sequence[bytes], clients: int, seconds: float, load: Load) -> None:
    """Post videos from `clients` threads for `seconds`, and add what happened to `load`.

    Raises httpx.HTTPError when one is not answered with 200.
    """
    started = time.monotonic()
    bodies = [form(video) for video in videos]

    def client(number: int) -> None:
        with httpx.Client(timeout=600) as session:
            for index in count(number + 1):
                if time.monotonic() >= started + seconds:
                    break
                sent = time.monotonic()
                clips = post(session, url, bodies[index % len(bodies)])
                load.latencies.append(time.monotonic() - sent)
                load.clips += clips

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    load.seconds += time.monotonic() - started
