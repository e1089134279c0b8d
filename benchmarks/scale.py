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
from pathlib import Path

import httpx

from engine_builder.manifest import Manifest
from service.classification.pipeline import job_of
from service.classification.scheduling import open_slots
from service.decoding.decoder import Decoder
from service.settings import Settings, available_cpus

from .decode import encode, ffmpeg
from .harness.ceiling import count_clips, network_seconds
from .harness.load import Load, form, post, press, service, watched
from .harness.report import Row, parser, save, show
from .harness.timing import percentile
from .serve import build

LENGTHS = {"10 s": 1, "1 minute": 6, "10 minutes": 60, "1 hour": 360}
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
LONG_VIDEOS = (0, 1, 4)
SHORT_SECONDS = 2
ROUNDS = 5
LIMITS = {"R3D_MAX_UPLOAD_BYTES": str(4 << 30), "R3D_REQUEST_TIMEOUT_SECONDS": "3600"}


def repeated(video: Path, times: int, folder: Path) -> Path:
    """The video `times` times in a row, nothing encoded again."""
    path = folder / f"{times}-times.mp4"
    ffmpeg("-stream_loop", str(times - 1), "-i", str(video), "-an", "-c", "copy", str(path))
    return path


def against_length(model: Path, video: Path, folder: Path) -> Iterator[Row]:
    """One video, longer and longer, each on a fresh server."""
    for name, times in LENGTHS.items():
        path = repeated(video, times, folder)
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
    stop = threading.Event()

    def client() -> None:
        content = video.read_bytes()
        with httpx.Client(timeout=3600, headers={"Accept": "application/x-ndjson"}) as session:
            while not stop.is_set():
                with session.stream("POST", f"{url}/classify", files={"file": content}) as answer:
                    for _ in answer.iter_lines():
                        started.release()
                        if stop.is_set():
                            return

    started = threading.Semaphore(0)
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
    """Medians, in turn, of the service's answer and of each step alone with all cores."""
    manifest = Manifest.load(model)
    with service(model) as (_, url), httpx.Client(timeout=600) as session:
        body = form(video.read_bytes())
        post(session, url, body)
        for number in range(ROUNDS):
            started = time.monotonic()
            clips = post(session, url, body)
            answered = time.monotonic() - started
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
    decoder = Decoder(available_cpus(), open_slots(available_cpus()))
    await decoder.start()
    started = time.monotonic()
    await count_clips(decoder, job_of(video, manifest.clip, Settings()))
    seconds = time.monotonic() - started
    await decoder.close()
    return seconds


PARTS = ("length", "clients", "fairness", "one")


def main() -> None:
    options = parser(__doc__, videos=True)
    options.add_argument("--seconds", type=float, default=10, help="of each number of clients")
    options.add_argument("--part", choices=PARTS, action="append", help="only this; may be given again")
    options.add_argument("--full-size", action="store_true", help="r3d_18 in place of the bundled model")
    args = options.parse_args()
    figures: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, model = build(folder, args.full_size)
        small, video = encode(args.videos[0], 360, folder), encode(args.videos[0], 720, folder)
        short = folder / "short.mp4"
        ffmpeg("-i", str(video), "-t", str(SHORT_SECONDS), "-c", "copy", str(short))
        parts = {
            "one": lambda: one_run(model, video),
            "fairness": lambda: fairness(model, short, repeated(video, LENGTHS["10 minutes"], folder), args.seconds),
            "clients": lambda: against_clients(model, small, args.seconds),
            "length": lambda: against_length(model, small, folder),
        }
        for part in args.part or PARTS:
            figures[part] = list(parts[part]())
            show(part, figures[part])
            save(figures, args.json)
    if args.plot is not None:
        from .harness.plot import lines

        lines(figures, args.plot)


if __name__ == "__main__":
    main()
