"""Small models to build engines of."""

from pathlib import Path

from engine_builder.build import BuildOptions, build_model
from engine_builder.manifest import ClipFormat, Precision
from engine_builder.tensorrt.build import (
    EngineOptions,
    Runtime,
)
from engine_builder.wts import write_wts

from ..support.recipe import draw, narrow

OPTIONS = EngineOptions(Runtime.TENSORRT_RTX, max_batch=16)
SMALL = ClipFormat(frames=8, height=32, width=32)
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def hot_model(folder: Path) -> Path:
    """A small network in both precisions, of which fp16 overflows in layer 2."""
    tensors = draw(narrow("r3d_18", 16, 3))
    tensors["layer1.1.conv2.1.weight"] *= 100
    tensors["layer2.0.conv1.1.weight"] *= 30_000
    write_wts(folder / "hot.wts", tensors)
    options = BuildOptions(name="hot", labels=("a", "b", "c"), clip=SMALL, precisions=PRECISIONS)
    build_model(folder / "hot.wts", folder / "model", options)
    return folder / "model"


def cool_model(folder: Path) -> Path:
    """A small network in both precisions."""
    write_wts(folder / "cool.wts", draw(narrow("r3d_18", 16, 3)))
    options = BuildOptions(name="cool", labels=("a", "b", "c"), clip=SMALL, precisions=PRECISIONS)
    build_model(folder / "cool.wts", folder / "model", options)
    return folder / "model"
