"""How the service scales: `python -m benchmarks.scale VIDEO`, with the bundled model.

Against length: seconds and memory for the video repeated up to an hour. Against clients: throughput and latency of 1 to
64 clients. Fairness: the latency of two-second videos alone, and with one and several long ones in progress. One run:
10 seconds of 720p on an idle service, beside decoding alone and the network alone.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import httpx
import typer

from engine_builder.manifest import Manifest
from service.machine import available_cpus

from .harness.ceiling import network_seconds
from .harness.decoding import DecoderAlone
from .harness.load import Load, form, post, press, service, watched
from .harness.machine import Row
from .harness.models import build
from .harness.report import FullSize, Json, Plot, Seconds, Videos, save, show
from .harness.timing import percentile
from .harness.videos import encode, ffmpeg, repeat

LENGTHS = {"10 s": 1, "1 minute": 6, "10 minutes": 60, "1 hour": 360}
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
LONG_VIDEOS = (0, 1, 4)
SHORT_SECONDS = 2
ROUNDS = 5
LIMITS = {"R3D_MAX_UPLOAD_BYTES": str(4 << 30), "R3D_REQUEST_TIMEOUT_SECONDS": "3600"}


class Part(StrEnum):
    """What can be measured, in this order."""

    LENGTH = "length"
    CLIENTS = "clients"
    FAIRNESS = "fairness"
    ONE = "one"


def against_length(model: Path, video: Path, folder: Path) -> Iterator[Row]:
    """One video, longer and longer, each on a fresh server."""
    for name, times in LENGTHS.items():
        path = repeat(video, times, folder)
        load = Load()
        # Streamed from the file, as curl does.
        with service(model, **LIMITS) as (process, url), watched(process, load), path.open("rb") as stream:
            started = time.monotonic()
            answer = httpx.post(f"{url}/classify", files={"file": stream}, timeout=3600).raise_for_status()
            seconds = time.monotonic() - started
        path.unlink()
        yield {
            "length": name,
            "clips": len(answer.json()["clips"]),
            "seconds": round(seconds, 2),
            "peak_over_idle_mb": round((load.peak - load.idle) / 1e6),
        }


def against_clients(model: Path, video: Path, seconds: float) -> Iterator[Row]:
    """More and more clients, each on a fresh server; an answer that is not 200 would end it."""
    content = [video.read_bytes()]
    for clients in CLIENTS:
        load = Load()
        with service(model) as (process, url), watched(process, load):
            press(url, content, clients, seconds, load)
        yield {"clients": clients, "answered": len(load.latencies), **load.figures()}


@contextmanager
def in_progress(url: str, video: Path, count: int) -> Iterator[None]:
    """Long videos being classified throughout the block; the clients then leave."""
    started, stop = threading.Semaphore(0), threading.Event()

    def client() -> None:
        content = video.read_bytes()
        with httpx.Client(timeout=3600, headers={"Accept": "application/x-ndjson"}) as session:
            while not stop.is_set():
                with session.stream("POST", f"{url}/classify", files={"file": content}) as answer:
                    for _ in answer.iter_lines():
                        started.release()
                        if stop.is_set():
                            return

    threads = [threading.Thread(target=client) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in threads:
        started.acquire()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def fairness(model: Path, short: Path, long: Path, seconds: float) -> Iterator[Row]:
    """One client posts short videos, one after the other."""
    alone = 0.0
    for count in LONG_VIDEOS:
        load = Load()
        with service(model, **LIMITS) as (_, url), in_progress(url, long, count):
            press(url, [short.read_bytes()], 1, seconds, load)
        p95 = percentile(load.latencies, 0.95)
        alone = alone or p95
        figures = load.figures()
        row = {"long_videos": count, "p50_ms": figures["p50_ms"], "p95_ms": figures["p95_ms"]}
        yield {**row, "p95_over_alone": round(p95 / alone, 2)}


def one_run(model: Path, video: Path) -> Iterator[Row]:
    """Each round: milliseconds of the service's answer, and of each step alone with all cores."""
    manifest = Manifest.load(model)
    with service(model) as (_, url), httpx.Client(timeout=600) as session:
        body = form(video.read_bytes())
        post(session, url, body)
        for number in range(ROUNDS):
            sent = time.monotonic()
            clips = post(session, url, body)
            answered = time.monotonic() - sent
            decode = asyncio.run(decode_with_all_cores(manifest, video))
            network = clips * network_seconds(model, manifest)
            yield {
                "round": number,
                "service_ms": round(answered * 1000),
                "decode_ms": round(decode * 1000),
                "network_ms": round(network * 1000),
                "over_the_larger": round(answered / max(decode, network), 2),
            }


async def decode_with_all_cores(manifest: Manifest, video: Path) -> float:
    """Seconds of one video alone in the service's decoder."""
    async with DecoderAlone.open(available_cpus()) as decoder:
        started = time.monotonic()
        await decoder.decode(video, manifest.clip)
        return time.monotonic() - started


def measure(part: Part, model: Path, video: Path, seconds: float, folder: Path) -> Iterator[Row]:
    """The rows of one part."""
    match part:
        case Part.LENGTH:
            return against_length(model, encode(video, 360, folder), folder)
        case Part.CLIENTS:
            return against_clients(model, encode(video, 360, folder), seconds)
        case Part.FAIRNESS:
            whole, short = encode(video, 720, folder), folder / "short.mp4"
            ffmpeg("-i", str(whole), "-t", str(SHORT_SECONDS), "-c", "copy", str(short))
            return fairness(model, short, repeat(whole, LENGTHS["10 minutes"], folder), seconds)
        case Part.ONE:
            return one_run(model, encode(video, 720, folder))


def run(
    videos: Videos,
    seconds: Seconds = 10,
    part: Annotated[list[Part] | None, typer.Option(help="Only this; may be given again.")] = None,
    full_size: FullSize = False,
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Cost of the first of the videos against length, clients and other videos in progress."""
    figures: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, model = build(folder, full_size)
        for each in part or Part:
            figures[each.value] = list(measure(each, model, videos[0], seconds, folder))
            show(each.value, figures[each.value])
            save(figures, json)
    if plot is not None:
        from .harness.plot import lines

        lines(figures, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
