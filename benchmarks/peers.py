"""The service beside what else one would serve a network with: `python -m benchmarks.peers VIDEO...`.

The same videos, clients, network and precision for all, each round all servers in turn. Clips/s under load, latencies
in ms, of a two-second video alone and beside one of ten minutes, memory over idle, start, what hostile files do, and
lines of code. `--backend onnxruntime` compares on a GPU, where ONNX Runtime has one. Needs the extra `peers`; BentoML
an environment of its own (`make .venv-bentoml`). A server that is not installed is left out, with a row that says so.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import httpx
import typer

from engine_builder.manifest import Precision
from service.settings import PrecisionChoice

from .harness.hostile import hostile_files
from .harness.load import service
from .harness.machine import Row
from .harness.models import add_int8, build
from .harness.peers import OURS, PEERS, Backend, Peer, Served
from .harness.report import FullSize, Json, Plot, Rounds, Seconds, Videos, save, show
from .harness.trial import Trial, Work
from .harness.videos import ffmpeg, repeat

SHORT_SECONDS = 2
TEN_MINUTES = 60  # times a video of ten seconds


def decided(model: Path, backend: Backend, precision: PrecisionChoice) -> Precision:
    """The precision, by the service's own choice with "auto"; it also measures here how many clips to take at once."""
    with service(model, R3D_BACKEND=backend, R3D_PRECISION=precision) as (_, url):
        found: Precision = httpx.get(f"{url}/health").raise_for_status().json()["model"]["precision"]
    return found


def chosen(servers: str, backend: Backend) -> dict[str, Peer]:
    """The servers to compare, of comma-separated names or all. Raises typer.BadParameter for a name that is none."""
    fitting = {name: peer for name, peer in PEERS.items() if backend in peer.backends}
    names = servers.split(",") if servers else list(fitting)
    if unknown := set(names) - set(fitting):
        raise typer.BadParameter(
            f"no server {', '.join(sorted(unknown))} for {backend}; there are {', '.join(fitting)}"
        )
    return {name: fitting[name] for name in names}


def measure(peers: Mapping[str, Peer], served: Served, work: Work, rounds: int) -> dict[str, Trial]:
    """All in turn, `rounds` times; then the hostile files, which leave servers busy."""
    trials = {name: Trial(fault=peer.missing()) for name, peer in peers.items()}
    for number in range(1, rounds + 1):
        for name, trial in trials.items():
            trial.round(peers[name], served, work)
            print(f"round {number}, {name}: {trial.fault or trial.load.figures()}", flush=True)
    with hostile_files(work.short) as files:
        for name, trial in trials.items():
            trial.harass(peers[name], served, files)
    return trials


def rows(peers: Mapping[str, Peer], trials: Mapping[str, Trial]) -> list[Row]:
    """A row for each server; one that could not be measured says why."""
    rates = {name: trial.clips_per_second for name, trial in trials.items() if trial.fault is None}
    found: list[Row] = []
    for name, peer in peers.items():
        fault = trials[name].fault
        if fault is not None:
            found.append({"server": peer.title, "clips/s": fault})
            continue
        ratio = round(rates[OURS] / rates[name], 2) if OURS in rates else "-"
        row = {"server": peer.title, "clips/s": round(rates[name], 2), "ours / it": ratio}
        found.append({**row, **trials[name].figures(), "lines": peer.lines})
    columns = max(found, key=len)
    return [{column: row.get(column, "-") for column in columns} for row in found]


def build_served(folder: Path, full_size: bool, backend: Backend, precision: PrecisionChoice) -> Served:
    """The network, made for this run."""
    weights, model = build(folder, full_size, ("fp32", "fp16") if backend == "onnxruntime" else ("fp32",))
    if precision == "int8":
        add_int8(model)
    return Served(weights, model, backend, decided(model, backend, precision))


def run(
    videos: Videos,
    servers: Annotated[str, typer.Option(help=f"Only these, comma-separated: {', '.join(PEERS)}.")] = "",
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = "openvino",
    precision: Annotated[PrecisionChoice, typer.Option(help="auto: what the service takes here.")] = "auto",
    clients: Annotated[int, typer.Option(min=1, help="Clients that post at the same time.")] = 4,
    seconds: Seconds = 10,
    rounds: Rounds = 3,
    full_size: FullSize = False,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Servers of the same network side by side. The first of the videos should take about ten seconds."""
    peers = chosen(servers, backend)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = build_served(folder, full_size, backend, precision)
        short = folder / "short.mp4"
        ffmpeg("-i", str(videos[0]), "-t", str(SHORT_SECONDS), "-an", "-c", "copy", str(short))
        work = Work(videos, short, repeat(videos[0], TEN_MINUTES, folder), clients, seconds)
        trials = measure(peers, served, work, rounds)
    found = rows(peers, trials)
    show(f"{'r3d_18' if full_size else 'bundled model'}, {backend} {served.precision}, {clients} clients", found)
    save({"backend": backend, "precision": served.precision, "servers": found}, json)
    if plot is not None:
        draw([row for row, trial in zip(found, trials.values(), strict=True) if trial.fault is None], plot)


def draw(measured: Sequence[Row], path: Path) -> None:
    """Bars for what every server that ran has as a number."""
    from .harness.plot import bars

    series = {name: [float(str(row[name])) for row in measured] for name in ("clips/s", "p99", "MB", "start s")}
    bars("Servers of the same network", [str(row["server"]) for row in measured], series, path)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
