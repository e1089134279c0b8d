"""The whole service under load beside the obvious way: `python -m benchmarks.serve VIDEO...`.

Clients post real videos for a while to this project's server and to `benchmarks.servers.fastapi_pytorch`, in turn:
videos/s, clips/s, latency, peak memory; and what share of the possible that is: the clips/s if decoding and the
network, each as fast as when measured alone with all cores, shared them and nothing else used any.
`--precision int8` runs the service in fp32, bf16 where the processor has it, and int8, and compares them.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer

from service.inference.backends.openvino import supported_precisions
from service.settings import PrecisionChoice

from .harness.ceiling import cost_of
from .harness.load import Load, SteadyRate, press, running, service, watched
from .harness.models import add_int8, build
from .harness.report import FullSize, Json, Plot, Seconds, Videos, finish

ROUNDS = 3
OURS, THEIRS = "this project", "FastAPI + PyTorch"


@dataclass
class Measured:
    """A server's load, and what share of the possible it reached, round by round."""

    load: Load = field(default_factory=Load)
    shares: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Pressure:
    """The load that every server is put under."""

    videos: Sequence[bytes]
    clients: int
    seconds: float

    def on(self, url: str, load: Load) -> None:
        """Press a server; what it did is added to `load`."""
        press(url, self.videos, self.clients, self.seconds, load)


def compared(precision: PrecisionChoice) -> dict[str, PrecisionChoice]:
    """The servers of this project to measure, by name: with int8 also the best that there is without."""
    if precision != "int8":
        return {OURS: precision}
    others = [each for each in supported_precisions() if each in ("fp32", "bf16")]
    return {f"{OURS}, {each}": each for each in (*others, precision)}


def reference(weights: Path) -> AbstractContextManager[tuple[psutil.Process, str]]:
    """The reference server."""
    return running([sys.executable, "-m", "benchmarks.servers.fastapi_pytorch", str(weights)], "/docs")


def measure_ours(model: Path, videos: list[Path], precision: PrecisionChoice, pressure: Pressure, to: Measured) -> None:
    """One round of this project's server; adds to `to`."""
    possible = asyncio.run(cost_of(model, videos, precision))
    with service(model, R3D_PRECISION=precision) as (process, url), watched(process, to.load):
        steady = SteadyRate(url, pressure.seconds)
        pressure.on(url, to.load)
        to.shares.append(steady.result() / possible.clips_per_second)
    print(f"{precision}: possible {possible}; reached {to.shares[-1]:.3f}", flush=True)


def loads(
    videos: list[Path], pressure: Pressure, full_size: bool, precision: PrecisionChoice, with_reference: bool
) -> dict[str, Measured]:
    """What each server did, all in turn."""
    ways = compared(precision)
    found = {name: Measured() for name in (*ways, *([THEIRS] if with_reference else []))}
    with tempfile.TemporaryDirectory() as folder:
        weights, model = build(Path(folder), full_size)
        if precision == "int8":
            add_int8(model)
        for _ in range(ROUNDS):
            for name, each in ways.items():
                measure_ours(model, videos, each, pressure, found[name])
            if with_reference:
                with reference(weights) as (process, url), watched(process, found[THEIRS].load):
                    pressure.on(url, found[THEIRS].load)
    return found


def ratios(rates: Mapping[str, float]) -> Iterator[str]:
    """The first server of this project that was asked for beside the others, in clips/s."""
    ours = [name for name in rates if name != THEIRS]
    asked, *others = reversed(ours)
    if others:
        best = max(others, key=rates.__getitem__)
        yield f"{asked} : {best}, the best of {len(others)} without: {rates[asked] / rates[best]:.2f}"
    if THEIRS in rates:
        yield f"{asked} : {THEIRS}: {rates[asked] / rates[THEIRS]:.2f}"


def run(
    videos: Videos,
    clients: Annotated[int, typer.Option(min=1, help="Clients that post at the same time.")] = 4,
    seconds: Seconds = 10,
    full_size: FullSize = False,
    precision: Annotated[
        PrecisionChoice, typer.Option(help="int8: a network is made and verified first; fp32 and bf16 are run too.")
    ] = "auto",
    no_reference: Annotated[bool, typer.Option("--no-reference", help="This project only.")] = False,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Throughput, latency and memory of the whole service, and of the reference server."""
    pressure = Pressure([video.read_bytes() for video in videos], clients, seconds)
    found = loads(videos, pressure, full_size, precision, not no_reference)
    figures = {name: measured.load.figures() for name, measured in found.items()}
    for line in ratios({name: each["clips_per_second"] for name, each in figures.items()}):
        print(f"clips/s, {line}")
    for name, measured in found.items():
        if measured.shares:
            print(f"{name}: share of the possible, median of the rounds: {statistics.median(measured.shares):.3f}")
    rows = [{"server": name, **each} for name, each in figures.items()]
    columns = ["clips_per_second", "p95_ms", "peak_over_idle_mb"]
    finish(f"{clients} clients posting real videos", rows, "server", columns, json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
