"""Clips at once on a CPU: `python -m benchmarks.streams`.

The network alone, in turn: one clip after the other on all cores, and several at once (OpenVINO's streams), each number
with as many workers as the service would have, in a process of its own: networks compiled side by side are in each
other's way. The service itself uses a stream for every two cores.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine_builder.manifest import ClipFormat, Precision
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork, streams_of, supported_precisions
from service.machine import available_cpus

from .harness.models import build
from .harness.report import FullSize, Json, Plot, Rounds, finish

CLIPS = 12  # per worker


def clips_per_second(model: Path, streams: int) -> float:
    """Of a network compiled for that many streams, and as many workers, in this process."""
    precision: Precision = "bf16" if "bf16" in supported_precisions() else "fp32"
    network = OpenVinoNetwork(model, precision, 0, streams)
    backends = [OpenVinoBackend(network) for _ in range(streams)]
    frames = np.random.default_rng(0).integers(0, 256, (1, *ClipFormat().shape), np.uint8)

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


def run(
    rounds: Rounds = 5,
    full_size: FullSize = False,
    json: Json = None,
    plot: Plot = None,
    one: Annotated[int | None, typer.Option(hidden=True)] = None,
    model: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Clips/s of one clip at a time and of several at once."""
    if one is not None and model is not None:
        print(clips_per_second(model, one))
        return
    chosen = streams_of(available_cpus())
    numbers = sorted({1, max(1, chosen // 2), chosen, available_cpus()})
    with tempfile.TemporaryDirectory() as folder:
        network = build(Path(folder), full_size)[1] / "model.onnx"
        rates = [{streams: elsewhere(network, streams) for streams in numbers} for _ in range(rounds)]
    rows = [
        {
            "streams": f"{streams} (the service's)" if streams == chosen else str(streams),
            "clips_per_second": round(statistics.median(each[streams] for each in rates), 1),
            "over_one": round(statistics.median(each[streams] / each[1] for each in rates), 2),
        }
        for streams in numbers
    ]
    finish("clips at once", rows, "streams", ["clips_per_second", "over_one"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
