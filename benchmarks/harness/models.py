"""The models that are measured, built afresh."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import onnx
from rich.console import Console

from engine_builder.build import BuildOptions, build_model, read_labels
from engine_builder.camera_motion import LABELS, WEIGHTS
from engine_builder.manifest import Calibration, Manifest, Precision
from engine_builder.quantization import publish
from engine_builder.quantization.calibration import HELD_OUT_CLIPS, Calibrated
from engine_builder.quantization.ranges import observe
from engine_builder.reference import full_precision, one_by_one
from engine_builder.report import judgement_table
from engine_builder.sample_clips import made_up_clips
from engine_builder.wts import write_wts

from .weights import Architecture, weights

CALIBRATION_CLIPS = 10


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
    """Give a model directory an int8 network from made-up clips, judged by others of them, and print how.

    As good as any clips for weights drawn at random. Raises VerificationError when it is not good enough.
    """
    manifest = Manifest.load(model)
    source = model / manifest.onnx["fp32"].file
    clips = made_up_clips(manifest.clip, CALIBRATION_CLIPS + HELD_OUT_CLIPS)
    seen, held_out = clips[:CALIBRATION_CLIPS], clips[CALIBRATION_CLIPS:]
    network = onnx.load(source)
    calibrated = Calibrated(
        network,
        observe(network, seen, full_precision),
        Calibration(clips=len(seen), sha256=hashlib.sha256(seen.tobytes()).hexdigest()),
        list(held_out),
        one_by_one(full_precision(source), held_out),
    )
    publish.add_int8(model, calibrated, report=lambda judgement: Console().print(judgement_table(judgement)))
