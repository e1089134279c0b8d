"""The yardstick: a network run in full precision, not by the service's own way, so that a fault of that one shows."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import VerificationError
from .manifest import INPUT, OUTPUT, Frames, Manifest, Probabilities, checked_file

# One batch, uint8 [n, T, H, W, 3], to one output of the network.
Runner = Callable[[Frames], npt.NDArray[np.float32]]


def full_precision(model: Path | bytes, output: str = OUTPUT) -> Runner:
    """What runs an ONNX network with nothing rounded to less than its own types.

    Raises VerificationError when neither ONNX Runtime nor OpenVINO is installed.
    """
    # ONNX Runtime first: what serves on a CPU is OpenVINO, where there is both.
    if importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return lambda frames: np.asarray(session.run([output], {INPUT: frames})[0], np.float32)
    if importlib.util.find_spec("openvino"):
        # Importing it would send a message over the network, if this package were there: its documented telemetry.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda frames: np.array(compiled(frames)[output], np.float32)
    raise VerificationError("nothing to run the model with: install the `cpu` or the `onnxruntime` extra")


def reference(directory: Path, manifest: Manifest, clips: Frames) -> Probabilities:
    """What the fp32 network gives for clips uint8 [n, T, H, W, 3]: [n, classes].

    Raises VerificationError when there is nothing to run it with, and when a value is no number.
    """
    run = full_precision(checked_file(directory, manifest.onnx["fp32"]))
    expected = np.concatenate([run(clip[None]) for clip in clips])
    if not np.isfinite(expected).all():
        raise VerificationError("the fp32 network itself gives values that are no numbers")
    return expected
