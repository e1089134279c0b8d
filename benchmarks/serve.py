"""The whole service under load beside the obvious way: `python -m benchmarks.serve VIDEO... [--weights FILE.wts]`.

Clients post real videos for a while to this project's server, then to `benchmarks.reference_server`, twice in turn:
videos/s, clips/s, latency, peak memory. Default weights: the bundled model's; `--recipe` takes a full-size r3d_18.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.manifest import BUNDLED_WEIGHTS
from engine_builder.wts import write_wts
from tests.recipe import draw, shapes_of

from .timing import save


@dataclass
class Load:
    """What a server did."""

    latencies: list[float] = field(default_factory=list)
    clips: int = 0
    seconds: float = 0.0
    peak: int = 0
    idle: int = 0

    def figures(self) -> dict[str, float]:
        """The usual ones."""
        ordered = sorted(self.latencies)
        return {
            "videos_per_second": round(len(ordered) / self.seconds, 2),
            "clips_per_second": round(self.clips / self.seconds, 1),
            "p50_ms": round(statistics.median(ordered) * 1000),
            "p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000),
            "idle_mb": round(self.idle / 1e6),
            "peak_mb": round(self.peak / 1e6),
        }


def resident(process: psutil.Process) -> int:
    """Proportional memory of a process and its children: what they share counts once."""
    total = 0
    with suppress(psutil.Error):
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total


@contextmanager
def running(command: list[str], port: int, ready: str) -> Iterator[psutil.Process]:
    """A server that answers `ready` with anything below 500."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ) as process:
        try:
            for _ in range(600):
                with suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}{ready}").status_code < 500:
                        break
                time.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def press(process: psutil.Process, port: int, videos: list[bytes], clients: int, seconds: float, load: Load) -> None:
    """Post videos from `clients` threads for a while."""
    load.idle = resident(process)
    stop = threading.Event()
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        with httpx.Client(timeout=300) as session:
            turn = number
            while time.monotonic() < until:
                turn += 1
                started = time.monotonic()
                answer = session.post(f"http://127.0.0.1:{port}/classify", files={"file": videos[turn % len(videos)]})
                answer.raise_for_status()
                load.latencies.append(time.monotonic() - started)
                load.clips += len(answer.json()["clips"])

    def watch() -> None:
        while not stop.wait(0.2):
            load.peak = max(load.peak, resident(process))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    watcher = threading.Thread(target=watch)
    started = time.monotonic()
    for thread in [watcher, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds += time.monotonic() - started
    stop.set()
    watcher.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--recipe", action="store_true", help="a full-size r3d_18 in place of the bundled model")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    contents = [video.read_bytes() for video in args.videos]
    loads = {"this project": Load(), "reference server": Load()}
    with tempfile.TemporaryDirectory() as name:
        folder, weights = Path(name), BUNDLED_WEIGHTS
        labels = read_labels(BUNDLED_WEIGHTS.with_name("labels.txt"))
        options = BuildOptions("benchmark") if args.recipe else BuildOptions("benchmark", labels=labels)
        if args.recipe:
            weights = folder / "weights.wts"
            write_wts(weights, draw(shapes_of("r3d_18")))
        build_model(weights, folder / "model", options)
        for _ in range(2):
            for server, load in loads.items():
                port = free_port()
                ours = [str(Path(sys.executable).with_name("r3d-serve")), "--model", str(folder / "model"), "--port"]
                theirs = [sys.executable, "-m", "benchmarks.reference_server", str(weights)]
                command, ready = (ours, "/health") if server == "this project" else (theirs, "/docs")
                with running([*command, str(port)], port, ready) as process:
                    press(process, port, contents, args.clients, args.seconds / 2, load)
    figures = {server: load.figures() for server, load in loads.items()}
    for server, found in figures.items():
        print(f"{server:18} " + "  ".join(f"{key} {value}" for key, value in found.items()))
    ratio = figures["this project"]["clips_per_second"] / figures["reference server"]["clips_per_second"]
    print(f"clips/s, ratio: {ratio:.2f}")
    save({**figures, "ratio": round(ratio, 3)}, args.json)


if __name__ == "__main__":
    main()
