"""The network alone on this machine: `python -m benchmarks.network`.

r3d_18 at full size with weights drawn at random, one clip at a time, in turn: each backend of this project, the bare
runtime without its code, and PyTorch eager as a user would write it with torchvision (where they are installed).
"""

import importlib.util
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import typer

from engine_builder.manifest import Frames
from service.inference.backends.onnxruntime import OnnxRuntimeBackend
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork

from .harness.models import build_full_size
from .harness.report import Json, Plot, Rounds, finish
from .harness.timing import in_turn, median_ratio

SIDE = 4096  # of the square matrices
MULTIPLICATIONS = 81.4e9  # per clip of 32 x 112 x 112 through r3d_18
Run = Callable[[], object]


def bare_openvino(model: Path, clip: Frames) -> Run:
    """OpenVINO's own recommended use: latency hint, its default precision."""
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    network.reshape(list(clip.shape))
    request = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    return lambda: request.infer([clip])


def pytorch(clip: Frames) -> Run:
    """torchvision's network in fp32."""
    import torch

    from .harness.pytorch import normalised, r3d_18

    network = r3d_18()

    def run() -> object:
        with torch.inference_mode():
            return network(normalised(clip)).softmax(1).numpy()

    return run


def runners(folder: Path) -> dict[str, Run]:
    """Everything that is installed."""
    model = build_full_size(folder)[1] / "model.onnx"
    clip = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), np.uint8)
    ours, other = OpenVinoBackend(OpenVinoNetwork(model, 0, 1)), OnnxRuntimeBackend(model, "fp32")
    found: dict[str, Run] = {
        f"r3d, OpenVINO {ours.description.precision}": lambda: ours.infer(clip),
        f"bare OpenVINO {ours.description.precision}": bare_openvino(model, clip),
        "r3d, ONNX Runtime fp32": lambda: other.infer(clip),
    }
    if importlib.util.find_spec("torchvision"):
        found["PyTorch eager fp32"] = pytorch(clip)
    return found


def matrix_product(precision: str) -> Run:
    """A matrix product as large as makes it as fast as it gets: the measure of what the machine can do."""
    import openvino
    from openvino import opset13

    left = opset13.parameter([SIDE, SIDE], np.float32)
    right = opset13.constant(np.random.default_rng(0).random((SIDE, SIDE), np.float32))
    model = openvino.Model([opset13.matmul(left, right, False, False)], [left])
    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    request = openvino.Core().compile_model(model, "CPU", config).create_infer_request()
    values = np.random.default_rng(1).random((SIDE, SIDE), np.float32)
    return lambda: request.infer([values], share_inputs=True)


def row(name: str, seconds: dict[str, list[float]], ceilings: dict[str, float]) -> dict[str, object]:
    """A runner's figures; the first runner is what the others are compared with."""
    measured = seconds[name]
    median = statistics.median(measured)
    gflops = 2 * MULTIPLICATIONS / median / 1e9
    return {
        "runner": name,
        "ms_per_clip": round(median * 1000, 1),
        "fastest_ms": round(min(measured) * 1000, 1),
        "slowest_ms": round(max(measured) * 1000, 1),
        "clips_per_second": round(1 / median, 2),
        "gflops": round(gflops),
        "percent_of_matrix_product": round(100 * gflops / ceilings["f32" if "fp32" in name else "bf16"]),
        "first_is_faster_by": round(median_ratio(seconds[next(iter(seconds))], measured), 3),
    }


def run(rounds: Rounds = 15, json: Json = None, plot: Plot = None) -> None:
    """Milliseconds per clip of r3d_18 at full size, and what share of this machine's arithmetic that is."""
    products = {precision: matrix_product(precision) for precision in ("f32", "bf16")}
    with tempfile.TemporaryDirectory() as folder:
        seconds = in_turn(runners(Path(folder)) | products, rounds)
    medians = {precision: statistics.median(seconds.pop(precision)) for precision in products}
    ceilings = {precision: 2 * SIDE**3 / median / 1e9 for precision, median in medians.items()}
    print({name: f"{gflops:.0f} GFLOP/s in a {SIDE}-cube matrix product" for name, gflops in ceilings.items()})
    rows = [row(name, seconds, ceilings) for name in seconds]
    finish("r3d_18, one clip", rows, "runner", ["ms_per_clip", "percent_of_matrix_product"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
