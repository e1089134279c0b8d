"""Weights without a download: the recipe that the golden outputs were made with."""

import json
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine_builder.architecture import Network

GOLDEN = Path(__file__).parents[1] / "golden"
ARCHITECTURES = ("r3d_18", "mc3_18", "r2plus1d_18")
SHARED_VIDEOS = sorted((Path(__file__).parents[3] / "shared" / "videos").glob("*.mp4"))

Tensors = dict[str, npt.NDArray[np.float32]]


def shapes_of(architecture: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's state dict, in its order."""
    table = json.loads((GOLDEN / "shapes.json").read_text())
    return {name: tuple(shape) for name, shape in table[architecture].items()}


def draw(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> Tensors:
    """One tensor per name, drawn from PCG64 seeded with crc32(name) + seed."""
    return {name: _draw(name, shape, seed) for name, shape in shapes.items()}


def _draw(name: str, shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(zlib.crc32(name.encode()) + seed)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.float32)
    norm_scale = name.endswith("weight") and len(shape) == 1
    if name.endswith("running_var") or norm_scale:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = 0.1
    if name == "fc.weight":
        spread = 0.05
    elif len(shape) == 5:
        spread = float(np.sqrt(2.0 / np.prod(shape[1:])))
    return (rng.standard_normal(shape) * spread).astype(np.float32)


def narrow(architecture: str, divisor: int, classes: int) -> dict[str, tuple[int, ...]]:
    """The architecture's shapes with every width divided, and that many classes."""
    shapes = {}
    for name, shape in shapes_of(architecture).items():
        sizes = [max(1, size // divisor) if axis < 2 and size > 3 else size for axis, size in enumerate(shape)]
        if name.startswith("fc."):
            sizes[0] = classes
        if len(shape) == 5 and shape[1] == 3:
            sizes[1] = 3
        shapes[name] = tuple(sizes)
    return shapes


def counts_of(shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
    """Number of values per tensor."""
    return {name: int(np.prod(shape)) for name, shape in shapes.items()}


def check_shapes(network: Network, shapes: dict[str, tuple[int, ...]]) -> None:
    """Every shape that was inferred is the real one, and none is left over."""
    inferred = network.shapes()
    real = {name: shape for name, shape in shapes.items() if not name.endswith("num_batches_tracked")}
    assert inferred == real
