"""The service on an NVIDIA GPU through ONNX Runtime: `python -m benchmarks.gpu VIDEO... [--seconds 20]`.

One run: outputs of the three architectures against torchvision's (tests/golden), fp32 and fp16; clips/s beside PyTorch
at several batch sizes; then the whole service under load beside the decoding it could do at most.
Needs onnxruntime-gpu, PyTorch and torchvision.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine_builder.build import BuildOptions, build_model
from engine_builder.manifest import ClipFormat, Frames, Manifest
from engine_builder.sample_clips import video_clips
from engine_builder.wts import write_wts
from service.inference.backends.onnxruntime import OnnxRuntimeBackend, pick_provider
from service.inference.backends.selection import choose
from service.inference.batcher import Batcher
from service.settings import Settings, available_cpus
from tests.support.recipe import ARCHITECTURES, GOLDEN, draw, shapes_of

from .harness.ceiling import decode_seconds
from .harness.load import Load, SteadyRate, press
from .harness.timing import in_turn, median_ratio

BATCHES = (1, 8, 32)
ROUNDS = 30
CLIENTS = 48
PREDECODED = 1280  # clips a round


def build(architecture: str, folder: Path) -> Path:
    """The full-size model of the recipe's weights, both precisions."""
    write_wts(folder / "weights.wts", draw(shapes_of(architecture)))
    build_model(folder / "weights.wts", folder / architecture, BuildOptions(architecture, precisions=("fp32", "fp16")))
    return folder / architecture


def golden(architecture: str, directory: Path, videos: list[Path], provider: str) -> dict[str, object]:
    """Largest differences from torchvision's probabilities, and top-1 agreement, a precision."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), dtype=np.uint8)
    found: dict[str, object] = {}
    with np.load(GOLDEN / f"{architecture}_seed0.npz") as archive:
        expected = dict(archive)
    for precision, entry in Manifest.load(directory).onnx.items():
        backend = OnnxRuntimeBackend(directory / entry.file, precision, provider)
        worst, same, clips = float(np.abs(backend.infer(noise)[0] - expected["noise_clip_probs"]).max()), 0, 0
        for video in videos:
            wanted = expected.get(f"probs:{video.name}")
            if wanted is None:
                continue
            got = np.concatenate([backend.infer(clip[None]) for clip in video_clips(video, ClipFormat())])
            worst = max(worst, float(np.abs(got - wanted[: len(got)]).max()))
            same += int((got.argmax(1) == wanted[: len(got)].argmax(1)).sum())
            clips += len(got)
        found[precision] = {"max_abs_difference": worst, "top1": f"{same} of {clips}"}
    return found


def rate(run: Callable[[Frames], object], batch: int) -> float:
    """Clips a second, median of rounds, host array in and host array out."""
    clips = np.random.default_rng(0).integers(0, 256, (4, batch, 32, 112, 112, 3), np.uint8)
    for index in range(5):
        run(clips[index % 4])
    seconds = []
    for index in range(ROUNDS):
        started = time.perf_counter()
        run(clips[index % 4])
        seconds.append(time.perf_counter() - started)
    return batch / float(np.median(seconds))


def torch_runners() -> dict[str, Callable[[Frames], object]]:
    """What a user would write: torchvision's r3d_18 in fp16, channels last, eager and compiled."""
    import torch
    from torchvision.models.video import r3d_18

    network = r3d_18(weights=None).eval()
    network.load_state_dict({k: torch.from_numpy(v).reshape(v.shape) for k, v in draw(shapes_of("r3d_18")).items()})
    network = network.half().cuda().to(memory_format=torch.channels_last_3d)
    mean = torch.tensor(ClipFormat().mean, device="cuda").view(1, 3, 1, 1, 1)
    std = torch.tensor(ClipFormat().std, device="cuda").view(1, 3, 1, 1, 1)

    def runner(module: Any) -> Callable[[Frames], object]:
        def run(frames: Frames) -> object:
            with torch.inference_mode():
                x = torch.from_numpy(frames).cuda().permute(0, 4, 1, 2, 3).float() / 255
                x = ((x - mean) / std).half().contiguous(memory_format=torch.channels_last_3d)
                return module(x).float().softmax(1).cpu().numpy()

        return run

    return {"PyTorch eager fp16": runner(network), "torch.compile fp16": runner(torch.compile(network))}


def bare_onnxruntime(model: Path, provider: str) -> Callable[[Frames], object]:
    """The runtime without this project's code."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=[(provider, {"prefer_nhwc": "1"})])
    return lambda frames: session.run(None, {"frames": frames})[0]


def predecoded(directory: Path, provider: str) -> dict[str, float]:
    """Clips/s of pre-decoded clips through the batcher and its backend, and of the bare runtime, in turn."""
    manifest, batch = Manifest.load(directory), BATCHES[-1]
    clip = manifest.clip
    shape = (clip.frames, clip.height, clip.width, 3)
    clips = np.random.default_rng(0).integers(0, 256, (batch, *shape), np.uint8)
    factories = choose(Settings(model=directory, backend="onnxruntime"), directory, manifest).factories
    batcher = Batcher(factories[:1], shape, len(manifest.labels), batch, Settings().batch_wait_ms / 1000)
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


def network_rates(directory: Path, provider: str, with_torch: bool) -> dict[str, dict[int, float]]:
    """Clips/s of each runner at each batch size."""
    model = directory / "model.fp16.onnx"
    runners: dict[str, Callable[[Frames], object]] = {
        "this project, ONNX Runtime fp16": OnnxRuntimeBackend(model, "fp16", provider).infer,
        "bare ONNX Runtime fp16": bare_onnxruntime(model, provider),
    }
    runners |= torch_runners() if with_torch else {}
    return {name: {batch: round(rate(run, batch), 1) for batch in BATCHES} for name, run in runners.items()}


def busy_share(stop: threading.Event, samples: list[int]) -> None:
    """Collect the GPU's own utilisation figure."""
    try:
        import pynvml
    except ImportError:
        return
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    while not stop.wait(0.1):
        samples.append(int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu))


def serve_under_load(directory: Path, videos: list[Path], seconds: float, folder: Path) -> dict[str, object]:
    """Clips/s, batch sizes and GPU share with clients posting real videos."""
    report = folder / "batches.json"
    environment = os.environ | {"R3D_MODEL": str(directory), "R3D_BACKEND": "onnxruntime", "R3D_QUEUE_CLIPS": "1024"}
    command = [sys.executable, "-m", "benchmarks.servers.counting", str(report)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        stop, samples, load = threading.Event(), list[int](), Load()
        watcher = threading.Thread(target=busy_share, args=(stop, samples))
        watcher.start()
        steady = SteadyRate(url, seconds)
        press(url, [video.read_bytes() for video in videos], CLIENTS, seconds, load)
        stop.set()
        watcher.join()
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    return {
        "clips_per_second": round(steady.result(), 1),
        "p95_ms": load.figures()["p95_ms"],
        "batch_sizes": json.loads(report.read_text()),
        "gpu_busy_percent": round(float(np.mean(samples)), 1) if samples else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--no-torch", dest="torch", action="store_false", help="leave PyTorch out")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    figures: dict[str, object] = {"cpus": available_cpus()}
    provider = pick_provider("auto")

    def note(name: str, value: object) -> None:
        figures[name] = value
        print(name, json.dumps(value), flush=True)
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1))

    note("provider", provider)
    with tempfile.TemporaryDirectory() as name:
        for architecture in ARCHITECTURES:
            directory = build(architecture, Path(name))
            note(f"golden {architecture}", golden(architecture, directory, args.videos, provider))
        directory = Path(name) / "r3d_18"
        ceiling = 1 / asyncio.run(decode_seconds(ClipFormat(), args.videos, args.seconds))
        note("decode alone, clips/s", round(ceiling, 1))
        load = serve_under_load(directory, args.videos, args.seconds, Path(name))
        note("service", load)
        note("share of the decode ceiling", round(float(str(load["clips_per_second"])) / ceiling, 3))
        note("pre-decoded clips/s", predecoded(directory, provider))
        note("network, clips/s by batch", network_rates(directory, provider, args.torch))


if __name__ == "__main__":
    main()
