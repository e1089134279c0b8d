"""The whole service under load beside the obvious way: `python -m benchmarks.serve VIDEO...`.

Clients post real videos for a while to this project's server and to `benchmarks.servers.fastapi_pytorch`, in turn:
videos/s, clips/s, latency, peak memory; and what share of the possible that is: the clips/s if decoding and the
network, each as fast as when measured alone with all cores, shared them and nothing else used any.
"""

import asyncio
import statistics
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import psutil
import typer

from .harness.ceiling import cost_of
from .harness.load import Load, SteadyRate, press, running, service, watched
from .harness.models import build
from .harness.report import FullSize, Json, Plot, Seconds, Videos, finish

ROUNDS = 3


def reference(weights: Path) -> AbstractContextManager[tuple[psutil.Process, str]]:
    """The reference server."""
    return running([sys.executable, "-m", "benchmarks.servers.fastapi_pytorch", str(weights)], "/docs")


def loads(
    videos: list[Path], clients: int, seconds: float, full_size: bool, with_reference: bool
) -> tuple[Load, Load, float]:
    """The load of this project's server, that of the reference, and the share of the possible (median of rounds)."""
    contents = [video.read_bytes() for video in videos]
    ours, theirs, shares = Load(), Load(), []
    with tempfile.TemporaryDirectory() as folder:
        weights, model = build(Path(folder), full_size)
        for _ in range(ROUNDS):
            possible = asyncio.run(cost_of(model, videos))
            with service(model) as (process, url), watched(process, ours):
                steady = SteadyRate(url, seconds)
                press(url, contents, clients, seconds, ours)
                shares.append(steady.result() / possible.clips_per_second)
            print(f"possible {possible}; reached {shares[-1]:.3f}", flush=True)
            if with_reference:
                with reference(weights) as (process, url), watched(process, theirs):
                    press(url, contents, clients, seconds, theirs)
    return ours, theirs, statistics.median(shares)


def run(
    videos: Videos,
    clients: Annotated[int, typer.Option(min=1, help="Clients that post at the same time.")] = 4,
    seconds: Seconds = 10,
    full_size: FullSize = False,
    no_reference: Annotated[bool, typer.Option("--no-reference", help="This project only.")] = False,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Throughput, latency and memory of the whole service, and of the reference server."""
    ours, theirs, share = loads(videos, clients, seconds, full_size, not no_reference)
    rows = [{"server": "this project", **ours.figures()}]
    if not no_reference:
        rows.append({"server": "FastAPI + PyTorch", **theirs.figures()})
        ratio = ours.figures()["clips_per_second"] / theirs.figures()["clips_per_second"]
        print(f"clips/s, ratio: {ratio:.2f}")
    print(f"share of the possible, median of the rounds: {share:.3f}")
    columns = ["clips_per_second", "p95_ms", "peak_over_idle_mb"]
    finish(f"{clients} clients posting real videos", rows, "server", columns, json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
