"""The network alone on this machine: `python -m benchmarks.network`.

r3d_18 at full size with weights drawn at random, in turn: each way that this project has to run it here, all of its
workers on a clip each; the bare runtime without its code, and PyTorch eager as a user would write it with torchvision
(where they are installed), one clip on all cores. Which of them `auto` takes of a model without an int8 network,
measured by itself just before, and how that compares with the fastest it may take. `--precision int8` makes such a
network and verifies it first, and compares it with the faster of fp32 and bf16.
"""

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from engine_builder.manifest import Frames, Manifest
from service.inference.backends.candidates import Candidate, candidates_for
from service.inference.backends.openvino import supported_precisions
from service.inference.fastest import explain, measure_ways
from service.settings import Settings

from .harness.models import add_int8, build_full_size
from .harness.report import Json, Plot, Rounds, finish
from .harness.timing import in_turn, median_ratio

SIDE = 4096  # of the square matrices
MULTIPLICATIONS = 81.4e9  # per clip of 32 x 112 x 112 through r3d_18
Run = Callable[[], object]


def bare_openvino(model: Path, clip: Frames) -> Run:
    """OpenVINO's own recommended use: latency hint, and the precision that it takes by default."""
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


class AllWorkers:
    """One way to run the network: each of its workers on a clip at once, as the service has them under load."""

    def __init__(self, candidate: Candidate, clip: Frames) -> None:
        self.clips = len(candidate.factories)
        self._clip = clip
        self._pool = ThreadPoolExecutor(self.clips)
        self._backends = list(self._pool.map(lambda make: make(), candidate.factories))

    def __call__(self) -> None:
        list(self._pool.map(lambda backend: backend.infer(self._clip), self._backends))


def ours(model: Path, clip: Frames) -> dict[str, AllWorkers]:
    """Every way of this project, by its name."""
    candidates = candidates_for(Settings(model=model), model, Manifest.load(model))
    return {each.name: AllWorkers(each, clip) for each in candidates}


def others(model: Path, clip: Frames) -> dict[str, Run]:
    """What is installed of the rest."""
    found = {"bare OpenVINO, its default": bare_openvino(model / "model.onnx", clip)}
    if importlib.util.find_spec("torchvision"):
        found["PyTorch eager fp32"] = pytorch(clip)
    return found


def chosen(model: Path) -> str:
    """What `auto` takes of the model's precisions; prints why."""
    started = time.perf_counter()
    seconds = measure_ways(Settings(model=model), model, Manifest.load(model))
    print(f"auto: {explain(seconds)}; measured in {time.perf_counter() - started:.1f} s")
    return min(seconds, key=seconds.__getitem__)


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


def row(name: str, seconds: Mapping[str, list[float]], auto: str, ceilings: Mapping[str, float]) -> dict[str, object]:
    """A runner's figures, and how many times as long it takes as what `auto` takes, round by round."""
    measured = seconds[name]
    median = statistics.median(measured)
    gflops = 2 * MULTIPLICATIONS / median / 1e9
    ceiling = ceilings["bf16" if "bf16" in name and "bf16" in ceilings else "fp32"]
    return {
        "runner": f"{name} (auto)" if name == auto else name,
        "ms_per_clip": round(median * 1000, 1),
        "fastest_ms": round(min(measured) * 1000, 1),
        "slowest_ms": round(max(measured) * 1000, 1),
        "gflops": round(gflops),
        "percent_of_matrix_product": round(100 * gflops / ceiling),
        "auto_is_faster_by": round(median_ratio(seconds[auto], measured), 3),
    }


def matrix_products() -> dict[str, Run]:
    """In fp32, and in bf16 where the processor has it."""
    hints = {"fp32": "f32", "bf16": "bf16"}
    return {name: matrix_product(hint) for name, hint in hints.items() if name in supported_precisions()}


def measure(
    precision: str, products: Mapping[str, Run], rounds: int
) -> tuple[str, Sequence[str], dict[str, list[float]]]:
    """What `auto` takes, the names of this project's ways, and the seconds of everything per clip or product."""
    clip = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        model = build_full_size(Path(folder))[1]
        auto = chosen(model)
        if precision == "int8":
            add_int8(model)
        ways = ours(model, clip)
        measured = in_turn({**ways, **others(model, clip), **products}, rounds)
    at_once = {name: way.clips for name, way in ways.items()}
    seconds = {name: [each / at_once.get(name, 1) for each in measured[name]] for name in measured}
    return auto, list(ways), seconds


def int8_line(seconds: Mapping[str, list[float]]) -> str:
    """The fastest way in int8 beside the fastest without."""
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    integers = min((name for name in medians if " int8" in name), key=medians.__getitem__)
    floats = min((name for name in medians if " int8" not in name), key=medians.__getitem__)
    return f"{integers} : {floats}, times as fast: {median_ratio(seconds[integers], seconds[floats]):.2f}"


def run(
    rounds: Rounds = 15,
    precision: Annotated[
        Literal["auto", "int8"], typer.Option(help="int8: a network of integers is made and verified first.")
    ] = "auto",
    json: Json = None,
    plot: Plot = None,
) -> None:
    """Milliseconds per clip of r3d_18 at full size, and what share of this machine's arithmetic that is."""
    products = matrix_products()
    auto, ways, seconds = measure(precision, products, rounds)
    medians = {name: statistics.median(seconds.pop(name)) for name in products}
    ceilings: dict[str, float] = {name: 2 * SIDE**3 / median / 1e9 for name, median in medians.items()}
    print({name: f"{gflops:.0f} GFLOP/s in a {SIDE}-cube matrix product" for name, gflops in ceilings.items()})
    slower = max(1 / median_ratio(seconds[auto], seconds[name]) for name in ways if " int8" not in name)
    print(f"auto takes {auto}: {slower:.3f} times as long as the fastest that it may take")
    if precision == "int8":
        print(int8_line({name: seconds[name] for name in ways}))
    rows = [row(name, seconds, auto, ceilings) for name in seconds]
    finish("r3d_18, per clip", rows, "runner", ["ms_per_clip", "percent_of_matrix_product"], json, plot)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
