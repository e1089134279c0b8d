"""What the service says of its load with more and more clients: `python -m benchmarks.saturation VIDEO...`.

`--json` writes the samples. Tests simulate autoscalers on those of one run, `tests/system/recorded/saturation.json`.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from .harness.load import Load, press, service
from .harness.metrics import samples
from .harness.models import build
from .harness.report import Json, Seconds, Videos, save, show

CLIENTS = (1, 2, 3, 4, 6, 8, 12)
METRICS = ("r3d_saturation", "r3d_queue_clips")
PERIOD_SECONDS = 0.5


class Sampler:
    """Reads the metrics again and again in a thread, while all the clients are there."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._until = time.monotonic() + seconds
        self._found: dict[str, list[float]] = {name: [] for name in METRICS}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        time.sleep(PERIOD_SECONDS)
        while time.monotonic() < self._until:
            read = samples(self._url)
            for name in METRICS:
                self._found[name].append(round(read[name], 3))
            time.sleep(PERIOD_SECONDS)

    def result(self) -> dict[str, list[float]]:
        """The samples of each metric; waits until the time is over."""
        self._thread.join()
        return self._found


def measure(url: str, videos: Sequence[bytes], clients: int, seconds: float) -> dict[str, object]:
    """One number of clients: latency, and the samples."""
    load, sampler = Load(), Sampler(url, seconds)
    press(url, videos, clients, seconds, load)
    return {"clients": clients, "p50_ms": load.figures()["p50_ms"], **sampler.result()}


def run(videos: Videos, seconds: Seconds = 20, json: Json = None) -> None:
    """Saturation, clips in the queue and latency by the number of clients."""
    contents = [video.read_bytes() for video in videos]
    with tempfile.TemporaryDirectory() as folder, service(build(Path(folder), full_size=False)[1]) as (_, url):
        found = [measure(url, contents, clients, seconds) for clients in CLIENTS]
    rows = [
        {name: value if isinstance(value, (int, float)) else _mean(value) for name, value in each.items()}
        for each in found
    ]
    show("means by the number of clients", rows)
    save(found, json)


def _mean(values: object) -> float:
    assert isinstance(values, list)
    return float(statistics.mean(values))


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
