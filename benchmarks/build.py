"""Time and memory of building the full 33-million-parameter r3d_18: `python -m benchmarks.build`.

Each step runs in a process of its own; memory is the peak over that process's own size before the step.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine_builder.build import BuildOptions, build_model
from engine_builder.tensorrt.build import EngineOptions, Runtime
from engine_builder.tensorrt.publish import add_engine
from engine_builder.wts import read_wts, write_wts

from .harness.report import finish, parser

# Widths of r3d_18's layers: the names and shapes follow from them.
WIDTHS = (64, 128, 256, 512)
CLASSES = 400
NORM = ("weight", "bias", "running_mean", "running_var")


def shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor of r3d_18."""
    found: dict[str, tuple[int, ...]] = {"stem.0.weight": (64, 3, 3, 7, 7)}
    found |= {f"stem.1.{part}": (64,) for part in NORM}
    channels = WIDTHS[0]
    for layer, width in enumerate(WIDTHS, start=1):
        for block in range(2):
            prefix = f"layer{layer}.{block}"
            for conv, inputs in (("conv1", channels if block == 0 else width), ("conv2", width)):
                found[f"{prefix}.{conv}.0.weight"] = (width, inputs, 3, 3, 3)
                found |= {f"{prefix}.{conv}.1.{part}": (width,) for part in NORM}
            if block == 0 and width != channels:
                found[f"{prefix}.downsample.0.weight"] = (width, channels, 1, 1, 1)
                found |= {f"{prefix}.downsample.1.{part}": (width,) for part in NORM}
        channels = width
    return found | {"fc.weight": (CLASSES, channels), "fc.bias": (CLASSES,)}


def write(path: Path) -> None:
    rng = np.random.default_rng(0)
    write_wts(path, {name: rng.uniform(0.01, 0.02, shape).astype(np.float32) for name, shape in shapes().items()})


def read(path: Path) -> None:
    read_wts(path)


def build(path: Path) -> None:
    build_model(path, path.with_suffix(""), BuildOptions(name="benchmark"))


def engine(path: Path) -> None:
    options = EngineOptions(runtime=Runtime.TENSORRT_RTX)
    add_engine(path.with_suffix(""), "fp32", options, clips=None)


STEPS: dict[str, Callable[[Path], None]] = {"write .wts": write, "read .wts": read, "build (read, fold, ONNX)": build}
if importlib.util.find_spec("tensorrt_rtx"):
    STEPS["engine (TensorRT-RTX fp32)"] = engine


def measure(step: str, path: Path) -> dict[str, float]:
    """Seconds and MB of one step, here."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    STEPS[step](path)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.step:
        print(json.dumps(measure(args.step, args.file)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r3d_18.wts"
        for step in STEPS:
            command = [sys.executable, "-m", "benchmarks.build", "--step", step, "--file", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append({"step": step, **json.loads(done.stdout.splitlines()[-1])})
        print(f"{path.stat().st_size / 1e6:.0f} MB, {sum(int(np.prod(shape)) for shape in shapes().values())} values")
    finish("building r3d_18", rows, args, "step", ["seconds", "megabytes"])


if __name__ == "__main__":
    main()
