"""The bundled model with an int8 network, and how often that says the same as fp32."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine_builder.files import sha256_of
from engine_builder.manifest import Manifest, OnnxFile
from engine_builder.quantization.calibration import calibrate
from engine_builder.quantization.publish import FILE
from engine_builder.quantization.qdq import quantise
from engine_builder.serving import find_serving
from service.api.schemas import ClassifyAnswer

from .models import build


def bundled_with_int8(folder: Path, calibration: Sequence[Path]) -> Path:
    """A model directory of the bundled model whose int8 network is there whether it is good enough or not.

    `calibration`: the videos that its scales come from.
    """
    model = build(folder, full_size=False)[1]
    calibrated = calibrate(model, calibration, find_serving())
    (model / FILE).write_bytes(quantise(calibrated.model, calibrated.ranges).SerializeToString())
    entry = OnnxFile(file=FILE, sha256=sha256_of(model / FILE), calibration=calibrated.calibration)
    manifest = Manifest.load(model)
    manifest.model_copy(update={"onnx": {**manifest.onnx, "int8": entry}}).save(model)
    return model


def agreement(title: str, fp32: Sequence[ClassifyAnswer], int8: Sequence[ClassifyAnswer]) -> Iterator[str]:
    """How many clips and videos have the same label by both; every clip that has not."""
    clips = [pair for one, other in zip(fp32, int8, strict=True) for pair in zip(one.clips, other.clips, strict=True)]
    for what, pairs in (("clips", clips), ("videos", list(zip(fp32, int8, strict=True)))):
        same = sum(one.label_index == other.label_index for one, other in pairs)
        yield f"{title}: int8 and fp32 agree on {same} of {len(pairs)} {what}, {same / len(pairs):.2%}"
    for one, other in clips:
        if one.label_index != other.label_index:
            yield f"  {one.label} ({one.probability:.2f}) is {other.label} ({other.probability:.2f}) by int8"
