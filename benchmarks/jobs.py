"""What waiting jobs cost those who ask without one: `python -m benchmarks.jobs VIDEO...`.

Two services that are alike, one with jobs waiting; a client posts a video to the one and to the other in turn, and the
one that is not asked is stopped meanwhile, with all its processes. Then what it takes to submit a job to an idle
service, and to ask how it is.
"""

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import psutil
import typer

from r3d.client import Client

from .harness.load import Load, press, service
from .harness.metrics import samples
from .harness.models import build
from .harness.report import Json, Rounds, Seconds, Videos, save, show
from .harness.timing import percentile

NONE, BESIDE = "none waiting", "beside them"
COLUMNS = ("videos_per_second", "p50_ms", "p95_ms", "p99_ms")
TRIES = 200


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """A server and all that it started stand still, as long as the block lasts."""
    family = [process, *process.children(recursive=True)]
    try:
        _signal(family, signal.SIGSTOP)
        yield
    finally:
        _signal(family, signal.SIGCONT)


def _signal(family: Sequence[psutil.Process], number: int) -> None:
    for each in family:
        with suppress(ProcessLookupError):
            os.kill(each.pid, number)


def fill(url: str, video: Path, count: int) -> None:
    """Submit so many jobs."""
    with Client(url) as client:
        for _ in range(count):
            client.submit(video)


def waiting(url: str) -> int:
    """Jobs that nobody works on yet, as the service last counted."""
    return round(samples(url)['r3d_jobs{status="queued"}'])


def smallest(videos: Sequence[Path]) -> Path:
    """The video that is sent as a job."""
    return min(videos, key=lambda video: video.stat().st_size)


def in_turn(model: Path, videos: Sequence[Path], jobs: int, rounds: int, seconds: float) -> list[dict[str, object]]:
    """Latencies of requests to the service without jobs and to the one with them."""
    contents = [video.read_bytes() for video in videos]
    loads = {NONE: Load(), BESIDE: Load()}
    with ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in loads]
        limits = {"R3D_JOBS_WAITING": str(jobs), "R3D_JOBS_BYTES": str(1 << 40)}
        servers = [stack.enter_context(service(model, R3D_JOBS_DIR=folder, **limits)) for folder in folders]
        fill(servers[1][1], smallest(videos), jobs)
        for _ in range(rounds):
            for number, load in enumerate(loads.values()):
                with stopped(servers[1 - number][0]):
                    press(servers[number][1], contents, 1, seconds, load)
        print(f"{waiting(servers[1][1])} of {jobs} jobs waited still at the end")
    figures = {name: load.figures() for name, load in loads.items()}
    return [{"jobs": name, **{column: found[column] for column in COLUMNS}} for name, found in figures.items()]


def submitted(model: Path, video: Path) -> list[dict[str, object]]:
    """What it takes to submit a job to a service that does nothing else, and to ask how it is."""
    seconds: dict[str, list[float]] = {"submit": [], "ask": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        service(model, R3D_JOBS_DIR=folder) as (_, url),
        Client(url) as client,
    ):
        for _ in range(TRIES):
            started = time.perf_counter()
            job = client.submit(video)
            sent = time.perf_counter()
            client.job(job.id)
            seconds["submit"].append(sent - started)
            seconds["ask"].append(time.perf_counter() - sent)
            client.wait(job.id)
    return [{"call": name, **_milliseconds(values)} for name, values in seconds.items()]


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(seconds) * 1000, 2),
        "p99_ms": round(percentile(seconds, 0.99) * 1000, 2),
    }


def run(
    videos: Videos,
    jobs: Annotated[int, typer.Option(min=1, help="How many are sent before.")] = 1000,
    rounds: Rounds = 6,
    seconds: Seconds = 10,
    json: Json = None,
) -> None:
    """One client beside waiting jobs and without; submitting and asking."""
    with tempfile.TemporaryDirectory() as folder:
        model = build(Path(folder), full_size=False)[1]
        rows = in_turn(model, videos, jobs, rounds, seconds)
        calls = submitted(model, smallest(videos))
    show("one client", rows)
    for name in ("p50_ms", "p95_ms"):
        none, beside = (float(str(row[name])) for row in rows)
        print(f"{name}, {BESIDE} : {NONE}: {beside / none:.2f}")
    show(f"a job on an idle service, {TRIES} times", calls)
    save({"beside": rows, "calls": calls}, json)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
