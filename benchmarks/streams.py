"""Clips at once on a CPU: `python -m benchmarks.streams`.

The network alone, in turn: one clip after the other on all cores, and several at once (OpenVINO's streams), each number
with as many workers as the service would have, in a process of its own: networks compiled side by side are in each
other's way. The service itself takes a stream for every two cores.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine_builder.manifest import ClipFormat
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork, streams_of
from service.settings import available_cpus

from .harness.report import finish, parser
from .serve import build

CLIPS = 12  # a worker


def clips_per_second(model: Path, streams: int) -> float:
    """Of a network compiled for that many streams, and as many workers, in this process."""
    network = OpenVinoNetwork(model, 0, streams)
    backends = [OpenVinoBackend(network) for _ in range(streams)]
    clip = ClipFormat()
    frames = np.random.default_rng(0).integers(0, 256, (1, clip.frames, clip.height, clip.width, 3), np.uint8)

    def work(backend: OpenVinoBackend, clips: int) -> None:
        for _ in range(clips):
            backend.infer(frames)

    with ThreadPoolExecutor(streams) as pool:
        list(pool.map(work, backends, [1] * streams))
        started = time.perf_counter()
        list(pool.map(work, backends, [CLIPS] * streams))
        return CLIPS * streams / (time.perf_counter() - started)


def elsewhere(model: Path, streams: int) -> float:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.streams", "--one", str(streams), "--model", str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--full-size", action="store_true", help="r3d_18 in place of the bundled model")
    options.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.one:
        print(clips_per_second(args.model, args.one))
        return
    chosen = streams_of(available_cpus())
    numbers = sorted({1, max(1, chosen // 2), chosen, available_cpus()})
    with tempfile.TemporaryDirectory() as folder:
        _, model = build(Path(folder), args.full_size)
        file = model / "model.onnx"
        rates = [{streams: elsewhere(file, streams) for streams in numbers} for _ in range(args.rounds)]
    rows = [
        {
            "streams": f"{streams} (the service's)" if streams == chosen else str(streams),
            "clips_per_second": round(statistics.median(each[streams] for each in rates), 1),
            "over_one": round(statistics.median(each[streams] / each[1] for each in rates), 2),
        }
        for streams in numbers
    ]
    finish("clips at once", rows, args, "streams", ["clips_per_second", "over_one"])


if __name__ == "__main__":
    main()
