"""The service with each choice of decoder, under load on an NVIDIA GPU: `python -m benchmarks.nvdec VIDEO...`.

Clips/s, CPU time a frame and how busy GPU and decoder units are, with R3D_DECODER=cpu, nvdec and auto in turn; r3d_18
at full size in fp16 by ONNX Runtime. `--cores 4` gives the service four of the cores, the clients the rest.
"""

import json as json_format
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from .harness.load import Load, SteadyRate, press, running
from .harness.metrics import samples
from .harness.models import build_full_size
from .harness.report import Json, Seconds, Videos, save
from .harness.sampling import utilisation

CHOICES = ("cpu", "nvdec", "auto")


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process and all below it, those that have ended included."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))


def serve(model: Path, videos: list[Path], choice: str, clients: int, seconds: float, cores: int) -> dict[str, object]:
    """One choice's figures."""
    command = [str(Path(sys.executable).with_name("r3d-serve")), "--model", str(model), "--port"]
    if cores:
        command = ["taskset", "-c", f"0-{cores - 1}", *command]
    settings = {"R3D_BACKEND": "onnxruntime", "R3D_PRECISION": "fp16", "R3D_QUEUE_CLIPS": "1024"}
    shares: dict[str, list[float]] = {}
    load = Load()
    with running(command, R3D_DECODER=choice, **settings) as (process, url):
        before, begun = samples(url), cpu_seconds(process)
        steady = SteadyRate(url, seconds)
        with utilisation(shares):
            press(url, [video.read_bytes() for video in videos], clients, seconds, load)
        rate, spent, after = steady.result(), cpu_seconds(process) - begun, samples(url)
    frames = after["r3d_frames_decoded_total"] - before["r3d_frames_decoded_total"]
    figures = load.figures()
    return {
        "decoder": choice,
        "clips_per_second": round(rate, 1),
        "p50_ms": figures["p50_ms"],
        "p95_ms": figures["p95_ms"],
        "cpu_ms_a_frame": round(spent / frames * 1000, 3),
        "cores_busy": round(spent / load.seconds, 1),
        **{f"{name}_busy_percent": round(float(np.mean(found)), 1) for name, found in shares.items() if found},
        "videos_by": {
            name: value for name, value in after.items() if name.startswith(("r3d_videos_dec", "r3d_nvdec_fal"))
        },
    }


def run(
    videos: Videos,
    clients: Annotated[int, typer.Option(min=1, help="Clients that post at the same time.")] = 48,
    seconds: Seconds = 15,
    cores: Annotated[int, typer.Option(min=0, help="Cores that the service gets, the clients the rest; 0: all.")] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each choice is measured, in turn.")] = 1,
    model: Annotated[Path | None, typer.Option(help="A model directory; none: one is built.")] = None,
    json: Json = None,
) -> None:
    """Each choice of decoder, in turn."""
    figures: list[dict[str, object]] = []
    if cores:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - set(range(cores)))
    with tempfile.TemporaryDirectory() as name:
        model = model or build_full_size(Path(name), precisions=("fp32", "fp16"))[1]
        for _ in range(rounds):
            for choice in CHOICES:
                figures.append(serve(model, videos, choice, clients, seconds, cores))
                print(json_format.dumps(figures[-1]), flush=True)
                save({"figures": figures}, json)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
