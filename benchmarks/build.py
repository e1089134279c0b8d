"""Time and memory of building the full 33-million-parameter r3d_18: `python -m benchmarks.build`.

Each step runs in a process of its own; memory is the peak over that process's own size before the step.
"""

import importlib.util
import json as json_format
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine_builder.build import BuildOptions, build_model
from engine_builder.tensorrt.build import EngineOptions, Runtime
from engine_builder.tensorrt.publish import add_engine
from engine_builder.wts import read_wts, write_wts

from .harness.machine import Row
from .harness.report import Json, Plot, finish
from .harness.weights import shapes, weights


def write(path: Path) -> None:
    write_wts(path, weights("r3d_18"))


def read(path: Path) -> None:
    read_wts(path)


def build(path: Path) -> None:
    build_model(path, path.with_suffix(""), BuildOptions(name="benchmark"))


def engine(path: Path) -> None:
    options = EngineOptions(runtime=Runtime.TENSORRT_RTX)
    add_engine(path.with_suffix(""), "fp32", options, serving=None)


STEPS: dict[str, Callable[[Path], None]] = {"write .wts": write, "read .wts": read, "build (read, fold, ONNX)": build}
if importlib.util.find_spec("tensorrt_rtx"):
    STEPS["engine (TensorRT-RTX fp32)"] = engine


def measure(step: str, path: Path) -> dict[str, float]:
    """Seconds and MB of one step, in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    STEPS[step](path)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def measure_elsewhere(step: str, path: Path) -> Row:
    """The same in a fresh process, as a row of the table."""
    command = [sys.executable, "-m", "benchmarks.build", "--step", step, "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"step": step, **json_format.loads(done.stdout.splitlines()[-1])}


def run(
    json: Json = None,
    plot: Plot = None,
    step: Annotated[str | None, typer.Option(hidden=True)] = None,
    file: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Time and memory of building r3d_18 at full size."""
    if step is not None and file is not None:
        print(json_format.dumps(measure(step, file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r3d_18.wts"
        rows = [measure_elsewhere(step, path) for step in STEPS]
        values = sum(int(np.prod(shape)) for shape in shapes("r3d_18").values())
        print(f"{path.stat().st_size / 1e6:.0f} MB, {values} values")
    finish("building r3d_18", rows, "step", ["seconds", "megabytes"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
