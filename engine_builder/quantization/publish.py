"""Add an int8 network to a model directory, if it says the same as the fp32 one about clips it was not made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from ..errors import VerificationError
from ..files import replacing, sha256_of
from ..manifest import Calibration, Manifest, OnnxFile, Outputs, Verification, checked_file
from ..reference import full_precision, one_by_one
from ..serving import Serving
from ..verify import compare, embedding_fault
from .calibration import HELD_OUT_CLIPS, ClipSet
from .qdq import quantise
from .ranges import observe

FILE = "model.int8.onnx"
MAX_DIFFERENCE = 0.15
# A top-1 that changes is a fault only where fp32 was sure: its best two classes this far apart.
CLEAR_MARGIN = 0.1


@dataclass(frozen=True)
class Judgement:
    """What the int8 network says of the held-out clips beside fp32. `faults` is empty when it may be published."""

    measured: Verification
    clear_clips: int
    clear_changes: int
    faults: tuple[str, ...]


def judge(found: Outputs, expected: Outputs, max_difference: float = MAX_DIFFERENCE) -> Judgement:
    """What int8 gives against what fp32 does, for held-out clips."""
    measured = compare(found, expected)
    best = np.sort(expected.probabilities, axis=1)[:, -2:]
    clear = best[:, 1] - best[:, 0] > CLEAR_MARGIN
    changes = int((found.probabilities.argmax(1) != expected.probabilities.argmax(1))[clear].sum())
    faults = []
    if measured.clips < HELD_OUT_CLIPS:
        missing = HELD_OUT_CLIPS - measured.clips
        faults.append(f"{measured.clips} clips are held out to judge it by, {missing} are missing: give more videos")
    if measured.nan_count:
        faults.append(f"{measured.nan_count} values are no numbers")
    if changes:
        faults.append(f"{changes} of {int(clear.sum())} clips of which fp32 is sure get another label")
    if measured.max_abs_difference > max_difference:
        faults.append(f"probabilities differ by up to {measured.max_abs_difference:.2g}; {max_difference:g} is allowed")
    if fault := embedding_fault(measured, "int8"):
        faults.append(fault)
    return Judgement(measured, int(clear.sum()), changes, tuple(faults))


def add_int8(
    directory: Path,
    videos: Sequence[Path],
    serving: Serving,
    max_difference: float = MAX_DIFFERENCE,
    report: Callable[[Judgement], None] = lambda judgement: None,
) -> OnnxFile:
    """Calibrate with the videos' clips, quantise, judge by clips that were held out, and enter it in the manifest.

    `report` is called with the judgement, good or bad. Raises VerificationError when it is bad: nothing is published
    then; QuantizationError when the network cannot be put into integers.
    """
    manifest = Manifest.load(directory)
    source = checked_file(directory, manifest.onnx["fp32"])
    clips = ClipSet(serving, videos, manifest.clip)
    model = onnx.load(source)
    network = quantise(model, observe(model, clips, full_precision)).SerializeToString(deterministic=True)
    if not clips.held_out:
        raise VerificationError("there is no clip to judge the int8 network by: give more videos")
    expected = one_by_one(full_precision(source), clips.held_out)
    judgement = judge(one_by_one(full_precision(network), clips.held_out), expected, max_difference)
    report(judgement)
    if judgement.faults:
        raise VerificationError(f"the int8 network is not published: {'; '.join(judgement.faults)}")
    with replacing(directory / FILE) as stream:
        stream.write(network)
    calibration = Calibration(clips=clips.calibrated, sha256=clips.sha256)
    entry = OnnxFile(
        file=FILE, sha256=sha256_of(directory / FILE), calibration=calibration, verification=judgement.measured
    )
    manifest.model_copy(update={"onnx": {**manifest.onnx, "int8": entry}}).save(directory)
    return entry
