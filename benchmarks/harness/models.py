"""The models that are measured, built afresh."""

from collections.abc import Sequence
from pathlib import Path

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.manifest import Precision
from engine_builder.wts import write_wts

from .weights import Architecture, weights


def build(folder: Path, full_size: bool) -> tuple[Path, Path]:
    """Weights file and model directory: the bundled model's, or those of r3d_18 at full size."""
    if full_size:
        return build_full_size(folder)
    build_model(WEIGHTS, folder / "model", BuildOptions("benchmark", labels=read_labels(LABELS)))
    return WEIGHTS, folder / "model"


def build_full_size(
    folder: Path, architecture: Architecture = "r3d_18", precisions: Sequence[Precision] = ("fp32",)
) -> tuple[Path, Path]:
    """Weights file and model directory of a network at full size, with weights drawn at random."""
    path = folder / "weights.wts"
    write_wts(path, weights(architecture))
    build_model(path, folder / "model", BuildOptions("benchmark", precisions=tuple(precisions)))
    return path, folder / "model"
