"""Find the layer where half precision overflows."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from .errors import VerificationError
from .manifest import INPUT


def first_overflow(model: Path, clip: npt.NDArray[np.uint8]) -> str | None:
    """The first node of an ONNX network whose output is not finite for one clip [T, H, W, 3]; None if all are.

    Raises VerificationError when ONNX Runtime, which runs it with every inner tensor shown, is missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise VerificationError("install the extra `onnxruntime` and run `r3d-engine verify` to look for it") from error
    network = onnx.load(model)
    names = [node.output[0] for node in network.graph.node]
    shown = {value.name: value for value in network.graph.value_info}
    network.graph.output.extend(shown[name] for name in names if name in shown)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = [name for name in names if name in shown]
    for name, values in zip(wanted, session.run(wanted, {INPUT: clip[None]}), strict=True):
        if not np.isfinite(values).all():
            return str(name)
    return None
