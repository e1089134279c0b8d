"""The network alone on this machine: `python -m benchmarks.network`.

r3d_18 at full size with the recipe's weights, one clip at a time, in turn: each backend of this project, the bare
runtime without its code, and PyTorch eager as a user would write it with torchvision (where they are installed).
"""

import argparse
import importlib.util
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine_builder.build import BuildOptions, build_model
from engine_builder.wts import write_wts
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.openvino import OpenVinoBackend
from tests.recipe import draw, shapes_of

from .timing import in_turn, median_ratio, save

MULTIPLICATIONS = 81.4e9  # a clip of 32 x 112 x 112 through r3d_18
Run = Callable[[], object]


def bare_openvino(model: Path, clip: Any) -> Run:
    """OpenVINO's own recommended use: latency hint, its default precision."""
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    network.reshape([1, 32, 112, 112, 3])
    request = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    return lambda: request.infer([clip])


def pytorch(clip: Any) -> Run:
    """torchvision's network in fp32."""
    import torch

    torch.library.register_fake = lambda *_, **__: lambda function: function
    from torchvision.models.video import r3d_18

    network = r3d_18(weights=None).eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in draw(shapes_of("r3d_18")).items()})
    mean = torch.tensor((0.43216, 0.394666, 0.37645)).view(1, 3, 1, 1, 1)
    std = torch.tensor((0.22803, 0.22145, 0.216989)).view(1, 3, 1, 1, 1)

    def run() -> object:
        with torch.inference_mode():
            x = (torch.from_numpy(clip).permute(0, 4, 1, 2, 3).float() / 255 - mean) / std
            return network(x).softmax(1).numpy()

    return run


def runners(folder: Path) -> dict[str, Run]:
    """Everything that is installed."""
    write_wts(folder / "weights.wts", draw(shapes_of("r3d_18")))
    build_model(folder / "weights.wts", folder / "model", BuildOptions("benchmark"))
    model = folder / "model" / "model.onnx"
    clip = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), np.uint8)
    ours, other = OpenVinoBackend(model), OnnxRuntimeBackend(model, "fp32")
    found: dict[str, Run] = {
        f"this project, OpenVINO {ours.description.precision}": lambda: ours.infer(clip),
        "bare OpenVINO": bare_openvino(model, clip),
        "this project, ONNX Runtime fp32": lambda: other.infer(clip),
    }
    if importlib.util.find_spec("torchvision"):
        found["PyTorch eager fp32"] = pytorch(clip)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = in_turn(runners(Path(folder)), args.rounds)
    first = next(iter(seconds))
    figures = {}
    for name, measured in seconds.items():
        median = statistics.median(measured)
        figures[name] = {
            "ms_per_clip": round(median * 1000, 1),
            "fastest_ms": round(min(measured) * 1000, 1),
            "slowest_ms": round(max(measured) * 1000, 1),
            "clips_per_second": round(1 / median, 2),
            "gflops": round(2 * MULTIPLICATIONS / median / 1e9),
            "first_is_faster_by": round(median_ratio(seconds[first], measured), 3),
        }
        print(f"{name:36} " + "  ".join(f"{key} {value}" for key, value in figures[name].items()))
    save(figures, args.json)


if __name__ == "__main__":
    main()
