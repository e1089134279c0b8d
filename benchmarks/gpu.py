"""The service on an NVIDIA GPU through ONNX Runtime: `python -m benchmarks.gpu VIDEO... [--seconds 20]`.

Clips/s of r3d_18 at full size: the whole service under load beside the decoding it could do at most; then clips that
are decoded already, through the service's queue and backend; then the network alone beside PyTorch at several batch
sizes. Needs onnxruntime-gpu, PyTorch and torchvision. `python -m tests.gpu.golden` checks outputs.
"""

import asyncio
import json as json_format
import tempfile
from collections import deque
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine_builder.manifest import ClipFormat, Manifest
from service.inference.backends.onnxruntime import pick_provider
from service.inference.batcher import Batcher
from service.inference.selection import choose
from service.settings import Settings

from .harness.ceiling import decode_seconds
from .harness.gpu_runners import Runner, as_it_serves, bare_onnxruntime, one_by_one, torch_runners
from .harness.load import Load, SteadyRate, press, service
from .harness.metrics import batch_sizes
from .harness.models import build_full_size
from .harness.report import Json, Seconds, Videos, save
from .harness.sampling import utilisation
from .harness.timing import in_turn, median_ratio

BATCHES = (1, 8, 32)
ROUNDS = 10
IN_A_ROUND = 4  # batches that each runner computes before the next one's turn
CLIENTS = 48
PREDECODED = 1280  # clips per round


def network_rates(directory: Path, provider: str, with_torch: bool) -> dict[str, dict[int, float]]:
    """Clips/s of each runner at each batch size in fp16, host arrays in and host arrays out, all in turn."""
    model = directory / "model.fp16.onnx"
    runners: dict[str, Runner] = {
        "this project, ONNX Runtime": as_it_serves(model, provider),
        "bare ONNX Runtime": one_by_one(bare_onnxruntime(model, provider)),
    }
    runners |= torch_runners() if with_torch else {}
    rates: dict[str, dict[int, float]] = {name: {} for name in runners}
    for batch in BATCHES:
        clips = np.random.default_rng(0).integers(0, 256, (IN_A_ROUND, batch, *ClipFormat().shape), np.uint8)
        batches = list(clips)
        seconds = in_turn({name: partial(run, batches) for name, run in runners.items()}, ROUNDS)
        for name, measured in seconds.items():
            rates[name][batch] = round(IN_A_ROUND * batch / float(np.median(measured)), 1)
    return rates


def predecoded(directory: Path, provider: str) -> dict[str, float]:
    """Clips/s of pre-decoded clips through the batcher and its backend, and of the bare runtime, in turn."""
    manifest, batch = Manifest.load(directory), BATCHES[-1]
    clips = np.random.default_rng(0).integers(0, 256, (batch, *manifest.clip.shape), np.uint8)
    factories = choose(Settings(model=directory, backend="onnxruntime"), directory, manifest).factories
    wait = Settings().batch_wait_ms / 1000
    batcher = Batcher(factories[:1], manifest.clip.shape, len(manifest.labels), batch, wait)
    batcher.start()[0].result()
    bare = bare_onnxruntime(directory / manifest.onnx["fp16"].file, provider)

    def ours() -> None:
        waiting = deque(batcher.submit(clips[index % batch], index % 16) for index in range(4 * batch))
        for index in range(PREDECODED - len(waiting)):
            waiting.popleft().result()
            waiting.append(batcher.submit(clips[index % batch], index % 16))
        for future in waiting:
            future.result()

    def theirs() -> None:
        for _ in range(PREDECODED // batch):
            bare(clips)

    seconds = in_turn({"ours": ours, "bare": theirs}, 5)
    batcher.close()
    rates = {name: round(PREDECODED / float(np.median(measured)), 1) for name, measured in seconds.items()}
    return {**rates, "ratio": round(median_ratio(seconds["ours"], seconds["bare"]), 3)}


def serve_under_load(directory: Path, videos: list[Path], seconds: float) -> dict[str, object]:
    """Clips/s, batch sizes and GPU share with clients posting real videos."""
    shares: dict[str, list[float]] = {}
    load = Load()
    with service(directory, R3D_BACKEND="onnxruntime", R3D_QUEUE_CLIPS="1024") as (_, url), utilisation(shares):
        steady = SteadyRate(url, seconds)
        press(url, [video.read_bytes() for video in videos], CLIENTS, seconds, load)
        clips_per_second, sizes = steady.result(), batch_sizes(url)
    return {
        "clips_per_second": round(clips_per_second, 1),
        "p95_ms": load.figures()["p95_ms"],
        "batch_sizes": sizes,
        "gpu_busy_percent": round(float(np.mean(shares["gpu"])), 1) if shares["gpu"] else None,
    }


def run(
    videos: Videos,
    seconds: Seconds = 20,
    no_torch: Annotated[bool, typer.Option("--no-torch", help="Leave PyTorch out.")] = False,
    json: Json = None,
) -> None:
    """Clips/s of the whole service and of its parts on a GPU."""
    figures: dict[str, object] = {}
    provider = pick_provider("auto")

    def note(name: str, value: object) -> None:
        figures[name] = value
        print(name, json_format.dumps(value), flush=True)
        save(figures, json)

    note("provider", provider)
    with tempfile.TemporaryDirectory() as name:
        _, directory = build_full_size(Path(name), precisions=("fp32", "fp16"))
        ceiling = 1 / asyncio.run(decode_seconds(ClipFormat(), videos, seconds))
        note("decode alone, clips/s", round(ceiling, 1))
        load = serve_under_load(directory, videos, seconds)
        note("service", load)
        note("share of the decode ceiling", round(float(str(load["clips_per_second"])) / ceiling, 3))
        note("pre-decoded clips/s", predecoded(directory, provider))
        note("network, clips/s by batch", network_rates(directory, provider, not no_torch))


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
