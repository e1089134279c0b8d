"""Throughput of one and of two replicas on a local Ray: `python -m benchmarks.replicas VIDEO...`.

Each replica has one CPU (a decoder, an inference thread); four clients post the videos.
"""

import os
import tempfile
from pathlib import Path

import ray
import typer
from ray import serve

from service.ray_cluster.serve import Arguments, app

from .harness.load import Load, free_port, press
from .harness.machine import Row
from .harness.models import build
from .harness.report import Json, Plot, Seconds, Videos, finish

REPLICAS = (1, 2)
CLIENTS = 4


def measure(replicas: int, videos: list[bytes], seconds: float) -> Row:
    """A fresh Ray for each number of replicas."""
    port = free_port()
    ray.init(num_cpus=max(REPLICAS) + 1, include_dashboard=False, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        serve.run(app(Arguments(min_replicas=replicas, max_replicas=replicas, num_cpus=1)))
        load = Load()
        press(f"http://127.0.0.1:{port}", videos, CLIENTS, seconds, load)
    finally:
        serve.shutdown()
        ray.shutdown()
    figures = load.figures()
    return {"replicas": replicas, **{name: figures[name] for name in ("clips_per_second", "p50_ms", "p95_ms")}}


def run(videos: Videos, seconds: Seconds = 20, json: Json = None, plot: Plot = None) -> None:
    """Clips/s and latency of one replica and of two."""
    contents = [video.read_bytes() for video in videos]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["R3D_MODEL"] = str(build(Path(folder), full_size=False)[1])
        rows = [measure(replicas, contents, seconds) for replicas in REPLICAS]
    title = f"replicas of one CPU each, {CLIENTS} clients"
    finish(title, rows, "replicas", ["clips_per_second", "p95_ms"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
