"""The models that are measured, built afresh."""

from collections.abc import Sequence
from pathlib import Path

import onnx

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.files import sha256_of
from engine_builder.manifest import Manifest, OnnxFile, Precision
from engine_builder.quantization.publish import FILE as INT8_FILE
from engine_builder.quantization.qdq import quantise
from engine_builder.quantization.ranges import observe
from engine_builder.reference import full_precision
from engine_builder.sample_clips import made_up_clips
from engine_builder.wts import write_wts

from .weights import Architecture, weights


def build(folder: Path, full_size: bool, precisions: Sequence[Precision] = ("fp32",)) -> tuple[Path, Path]:
    """Weights file and model directory: the bundled model's, or those of r3d_18 at full size."""
    if full_size:
        return build_full_size(folder, precisions=precisions)
    options = BuildOptions("benchmark", labels=read_labels(LABELS), precisions=tuple(precisions))
    build_model(WEIGHTS, folder / "model", options)
    return WEIGHTS, folder / "model"


def build_full_size(
    folder: Path, architecture: Architecture = "r3d_18", precisions: Sequence[Precision] = ("fp32",)
) -> tuple[Path, Path]:
    """Weights file and model directory of a network at full size, with weights drawn at random."""
    path = folder / "weights.wts"
    write_wts(path, weights(architecture))
    build_model(path, folder / "model", BuildOptions("benchmark", precisions=tuple(precisions)))
    return path, folder / "model"


def add_int8(model: Path) -> None:
    """Give a model directory an int8 network from made-up clips, for its speed: nothing is verified."""
    manifest = Manifest.load(model)
    network = onnx.load(model / manifest.onnx["fp32"].file)
    ranges = observe(network, made_up_clips(manifest.clip, 2), full_precision)
    (model / INT8_FILE).write_bytes(quantise(network, ranges).SerializeToString())
    entry = OnnxFile(file=INT8_FILE, sha256=sha256_of(model / INT8_FILE))
    manifest.model_copy(update={"onnx": {**manifest.onnx, "int8": entry}}).save(model)
