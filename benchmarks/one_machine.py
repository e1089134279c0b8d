"""One process or several on one machine: `python -m benchmarks.one_machine VIDEO...`.

The CPUs that this may use are shared out in order: to one process all of them, to each of two a half. On a machine with
several sockets give the nodes one process each: CPUs are numbered so that neighbours are mostly of one node (`lscpu`).
Clients are spread over the processes evenly, as a proxy before them would.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from .harness.load import Load, press, resident, service
from .harness.machine import Row
from .harness.models import build
from .harness.report import FullSize, Json, Plot, Rounds, Seconds, Videos, finish


def shares(cpus: Sequence[int], count: int) -> list[set[int]]:
    """The CPUs in `count` runs of neighbours, none larger than another by more than one. Raises ValueError."""
    if not 1 <= count <= len(cpus):
        raise ValueError(f"{len(cpus)} CPUs cannot be shared by {count} processes")
    bounds = [len(cpus) * number // count for number in range(count + 1)]
    return [set(cpus[start:end]) for start, end in pairwise(bounds)]


def measure(count: int, model: Path, videos: list[bytes], clients: int, seconds: float) -> Load:
    """What `count` processes did together; `clients` of them all."""
    mine = os.sched_getaffinity(0)
    with ExitStack() as stack:
        servers = []
        stack.callback(os.sched_setaffinity, 0, mine)
        for cpus in shares(sorted(mine), count):
            os.sched_setaffinity(0, cpus)  # a process has the CPUs of the one that started it
            servers.append(stack.enter_context(service(model)))
        os.sched_setaffinity(0, mine)
        loads = [Load() for _ in servers]
        threads = [
            threading.Thread(target=press, args=(url, videos, each, seconds, load))
            for (_, url), each, load in zip(servers, spread(clients, count), loads, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        memory = sum(resident(process) for process, _ in servers)
    return added(loads, max(load.seconds for load in loads), memory)  # they ran at the same time


def spread(clients: int, count: int) -> list[int]:
    """How many clients each of `count` processes has."""
    return [clients * (number + 1) // count - clients * number // count for number in range(count)]


def added(loads: Sequence[Load], seconds: float, memory: int) -> Load:
    """Several loads as one of so many `seconds`; `memory`: bytes of all servers at the end."""
    whole = Load(seconds=seconds, peak=memory)
    for load in loads:
        whole.latencies += load.latencies
        whole.clips += load.clips
    return whole


def rows(counts: Sequence[int], found: Sequence[Sequence[Load]]) -> Iterator[Row]:
    """A row for each number of processes; its rounds are added up, and each one's clips/s are beside."""
    for count, loads in zip(counts, found, strict=True):
        whole = added(loads, sum(load.seconds for load in loads), max(load.peak for load in loads))
        figures = whole.figures()
        rounds = " ".join(f"{load.clips / load.seconds:.1f}" for load in loads)
        kept = {name: figures[name] for name in ("clips_per_second", "p50_ms", "p95_ms")}
        yield {"processes": count, **kept, "memory_mb": round(whole.peak / 1e6), "rounds": rounds}


def run(
    videos: Videos,
    processes: Annotated[list[int] | None, typer.Option(min=1, help="So many; again for others.")] = None,
    clients: Annotated[int | None, typer.Option(min=1, help="Of all processes. Default: two a CPU.")] = None,
    rounds: Rounds = 2,
    seconds: Seconds = 20,
    full_size: FullSize = False,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Clips/s, latency and memory of one process with all CPUs, and of several that share them."""
    cpus = len(os.sched_getaffinity(0))
    counts = processes or [count for count in (1, 2, 4) if count <= cpus]
    contents = [video.read_bytes() for video in videos]
    asked = clients or 2 * cpus
    found: list[list[Load]] = [[] for _ in counts]
    with tempfile.TemporaryDirectory() as folder:
        _, model = build(Path(folder), full_size)
        for _ in range(rounds):
            for count, loads in zip(counts, found, strict=True):
                loads.append(measure(count, model, contents, asked, seconds))
    title = f"{cpus} CPUs, {asked} clients"
    finish(title, list(rows(counts, found)), "processes", ["clips_per_second", "p95_ms"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
