"""OpenVINO on the CPU: the default where there is no NVIDIA GPU."""

from pathlib import Path

import numpy as np
import openvino

from .protocol import Description, Frames, Probabilities

INPUT_CLIPS = 1


class OpenVinoBackend:
    """One clip at a time over all threads: on a CPU a clip alone fills the cores, and a batch gains nothing."""

    max_batch = INPUT_CLIPS

    def __init__(self, model: Path, threads: int = 0) -> None:
        """Compile `model` (ONNX); bf16 where the CPU has it, else fp32. `threads` 0: OpenVINO's choice.

        Raises RuntimeError when OpenVINO cannot load it.
        """
        core = openvino.Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        config: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 else "f32",
        }
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        network = core.read_model(model)
        # A fixed shape is a tenth faster than a dynamic one.
        network.reshape([INPUT_CLIPS, *list(network.input(0).partial_shape)[1:]])
        self._request = core.compile_model(network, "CPU", config).create_infer_request()
        device = str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
        self.description = Description("openvino", "bf16" if has_bf16 else "fp32", device)

    def infer(self, frames: Frames) -> Probabilities:
        """See `Backend.infer`."""
        self._request.infer([frames], share_inputs=True)
        return np.array(self._request.get_output_tensor(0).data, np.float32)

    def close(self) -> None:
        """Nothing to give back before the object goes."""
