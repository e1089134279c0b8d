"""The yardstick: a network run in full precision, not by the service's own way, so that a fault of that one shows."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import VerificationError
from .manifest import INPUT, Frames, Manifest, Outputs, checked_file

# One batch, uint8 [n, T, H, W, 3], to every output of the network by its name.
Runner = Callable[[Frames], dict[str, npt.NDArray[np.float32]]]


def full_precision(model: Path | bytes) -> Runner:
    """What runs an ONNX network with nothing rounded to less than its own types.

    Raises VerificationError when neither ONNX Runtime nor OpenVINO is installed.
    """
    # ONNX Runtime first: what serves on a CPU is OpenVINO, where there is both.
    if importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_outputs()]
        return lambda frames: dict(zip(names, session.run(names, {INPUT: frames}), strict=True))
    if importlib.util.find_spec("openvino"):
        # Importing it would send a message over the network, if this package were there: its documented telemetry.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda frames: {name: values for each, values in compiled(frames).items() for name in each.names}
    raise VerificationError("nothing to run the model with: install the `cpu` or the `onnxruntime` extra")


def one_by_one(run: Runner, clips: Iterable[Frames]) -> Outputs:
    """What a network gives for clips uint8 [T, H, W, 3], each of them run alone."""
    return Outputs.joined([Outputs.named(run(clip[None])) for clip in clips])


def reference(directory: Path, manifest: Manifest, clips: Frames) -> Outputs:
    """What the fp32 network gives for clips uint8 [n, T, H, W, 3].

    Raises VerificationError when there is nothing to run it with, and when a value is no number.
    """
    run = full_precision(checked_file(directory, manifest.onnx["fp32"]))
    expected = one_by_one(run, clips)
    if expected.invalid:
        raise VerificationError("the fp32 network itself gives values that are no numbers")
    return expected
