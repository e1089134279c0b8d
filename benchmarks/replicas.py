"""Throughput of one and of two replicas on a local Ray: `python -m benchmarks.replicas VIDEO...`.

Each replica has one CPU (a decoder, an inference thread); four clients post the videos.
"""

import os
import tempfile
from pathlib import Path

import ray
from ray import serve

from service.ray_cluster.serve import Arguments, app

from .harness.load import Load, free_port, press
from .harness.report import Row, finish, parser
from .serve import build

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


def main() -> None:
    options = parser(__doc__, videos=True)
    options.add_argument("--seconds", type=float, default=20)
    args = options.parse_args()
    videos = [video.read_bytes() for video in args.videos]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["R3D_MODEL"] = str(build(Path(folder), full_size=False)[1])
        rows = [measure(replicas, videos, args.seconds) for replicas in REPLICAS]
    finish(f"replicas of one CPU each, {CLIENTS} clients", rows, args, "replicas", ["clips_per_second", "p95_ms"])


if __name__ == "__main__":
    main()
