"""ONNX Runtime: the CPU, CUDA, or any other execution provider that the installed package has."""

from pathlib import Path
from typing import Any

import onnxruntime

from engine_builder.manifest import INPUT, Frames, Outputs

from .protocol import Description

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# Channels-last convolutions use the tensor cores better: 1442 clips/s instead of 1164 (H200, fp16, r3d_18).
CUDA_OPTIONS = {"prefer_nhwc": "1", "cudnn_conv_algo_search": "HEURISTIC"}
# fp32 means fp32: TF32 rounds to ten bits.
EXACT = {"use_tf32": "0"}
GPU_BATCH = 32


def pick_provider(wanted: str) -> str:
    """The execution provider to use: the one asked for, or with "auto" CUDA where the package has it, else the CPU.

    Raises RuntimeError when the package does not have it.
    """
    available = onnxruntime.get_available_providers()
    if wanted == "auto":
        return CUDA if CUDA in available else CPU
    if wanted not in available:
        raise RuntimeError(f"ONNX Runtime has no {wanted}; it has {', '.join(available)}")
    return wanted


class OnnxRuntimeBackend:
    """An ONNX network. On a CPU one clip at a time, as a batch gains nothing there."""

    def __init__(self, model: Path, precision: str, provider: str = CPU, device: int = 0, threads: int = 0) -> None:
        """Load `model`. `threads` 0: one a core. Raises RuntimeError when the provider does not take it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        settings: dict[str, Any] = {"device_id": str(device), **CUDA_OPTIONS} if provider == CUDA else {}
        if provider == CUDA and precision == "fp32":
            settings |= EXACT
        self._session = onnxruntime.InferenceSession(model, options, providers=[(provider, settings)])
        if self._session.get_providers()[0] != provider:
            raise RuntimeError(f"ONNX Runtime fell back to {self._session.get_providers()[0]}")
        self._outputs = [each.name for each in self._session.get_outputs()]
        self.max_batch = 1 if provider == CPU else GPU_BATCH
        self.warm_up = sorted({1, self.max_batch})
        name = provider.removesuffix("ExecutionProvider")
        self.description = Description("onnxruntime", precision, name if provider == CPU else f"{name} {device}")

    def infer(self, frames: Frames) -> Outputs:
        """See `Backend.infer`."""
        binding = self._session.io_binding()
        binding.bind_cpu_input(INPUT, frames)
        for name in self._outputs:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return Outputs.named(dict(zip(self._outputs, binding.copy_outputs_to_cpu(), strict=True)))

    def close(self) -> None:
        """Nothing to give back before the object goes."""
