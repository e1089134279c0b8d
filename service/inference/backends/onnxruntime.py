"""ONNX Runtime: the CPU, CUDA, or any other execution provider that the installed package has."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from engine_builder.manifest import INPUT, Frames, Outputs

from .onnx_bias import with_separate_biases
from .page_locked import page_locked
from .protocol import Description

ERRORS = 3  # and worse
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {
    "prefer_nhwc": "1",  # the tensor cores' layout
    "cudnn_conv_algo_search": "HEURISTIC",
    "arena_extend_strategy": "kSameAsRequested",  # doubling takes 8.5 GB where this takes 5.0 (H100, r3d_18)
}
# fp32 means fp32: TF32 rounds to ten bits.
EXACT = {"use_tf32": "0"}
# A convolution keeps cuDNN's plan for the last shape only: batches of 1 and 2 clips, or 8 and 7, in turn took 63 to 72
# ms each (H100, r3d_18), where one clip takes 1.1. So each of these has a session, and batches are filled up to them.
GPU_SIZES = (1, 2, 4, 8, 16, 32)


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


def sessions(model: Path, precision: str, provider: str, device: int, threads: int, count: int) -> list[Any]:
    """A network loaded `count` times. Raises RuntimeError when the provider does not take it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = ERRORS
    onnxruntime.set_default_logger_severity(ERRORS)  # or each session for CUDA warns that CUDA is no plugin
    network: Path | bytes = model
    settings: dict[str, str] = {}
    disabled: list[str] = []
    if provider == CUDA:
        settings = {"device_id": str(device), **CUDA_OPTIONS} | (EXACT if precision == "fp32" else {})
        network, disabled = with_separate_biases(model), ["ConvAddFusion"]  # which would join them again
    loaded = []
    for _ in range(count):
        session = onnxruntime.InferenceSession(
            network, options, providers=[(provider, settings)], disabled_optimizers=disabled
        )
        if session.get_providers()[0] != provider:
            raise RuntimeError(f"ONNX Runtime fell back to {session.get_providers()[0]}")
        loaded.append(session)
    return loaded


class OnnxRuntimeBackend:
    """An ONNX network. On a CPU one clip at a time, as a batch gains nothing there; on a GPU batches of a few sizes."""

    def __init__(
        self,
        model: Path,
        precision: str,
        provider: str = CPU,
        device: int = 0,
        threads: int = 0,
        sizes: Sequence[int] | None = None,
    ) -> None:
        """Load `model`. `threads` 0: one a core. `sizes`: of the batches that it computes, ascending.

        Raises RuntimeError when the provider does not take it.
        """
        self._provider = provider
        self._sizes = sizes or ((1,) if provider == CPU else GPU_SIZES)
        loaded = sessions(model, precision, provider, device, threads, len(self._sizes))
        self._sessions = dict(zip(self._sizes, loaded, strict=True))
        self._outputs = [each.name for each in loaded[0].get_outputs()]
        self._locked = ExitStack()
        self.max_batch = self._sizes[-1]
        self.warm_up = self._sizes
        name = provider.removesuffix("ExecutionProvider")
        self.description = Description("onnxruntime", precision, name if provider == CPU else f"{name} {device}")

    def size_for(self, clips: int) -> int:
        """See `FixedSizes.size_for`."""
        return next(size for size in self._sizes if size >= clips)

    def buffer(self, clip_shape: tuple[int, ...]) -> Frames:
        """See `FixedSizes.buffer`."""
        memory = np.empty((self.max_batch, *clip_shape), np.uint8)
        if self._provider == CUDA:
            self._locked.enter_context(page_locked(memory))
        return memory

    def infer(self, frames: Frames) -> Outputs:
        """See `Backend.infer`."""
        clips, size = len(frames), self.size_for(len(frames))
        if clips < size:
            frames = np.concatenate([frames, np.zeros((size - clips, *frames.shape[1:]), np.uint8)])
        session = self._sessions[size]
        binding = session.io_binding()
        binding.bind_cpu_input(INPUT, frames)
        for name in self._outputs:
            binding.bind_output(name)
        session.run_with_iobinding(binding)
        values = binding.copy_outputs_to_cpu()
        return Outputs.named({name: each[:clips] for name, each in zip(self._outputs, values, strict=True)})

    def close(self) -> None:
        """Let the buffers' memory move again."""
        self._locked.close()
