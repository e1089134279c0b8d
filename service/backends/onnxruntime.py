"""ONNX Runtime on the CPU: where OpenVINO is not to be had."""

from pathlib import Path

import numpy as np
import onnxruntime

from .protocol import Description, Frames, Probabilities


class OnnxRuntimeBackend:
    """One clip at a time, as a CPU gains nothing from batches."""

    max_batch = 1
    description = Description("onnxruntime", "fp32", "CPU")

    def __init__(self, model: Path, threads: int = 0) -> None:
        """Load `model` (ONNX). `threads` 0: one a core. Raises RuntimeError when it cannot be loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def infer(self, frames: Frames) -> Probabilities:
        """See `Backend.infer`."""
        return np.asarray(self._session.run(None, {self._input: frames})[0], np.float32)

    def close(self) -> None:
        """Nothing to give back before the object goes."""
