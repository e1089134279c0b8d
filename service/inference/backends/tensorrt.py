"""TensorRT and TensorRT-RTX engines through PyCUDA: memory and streams are PyCUDA's, the network TensorRT's.

TensorRT works in the device's *primary* context, so that is the one retained and pushed here, in the worker thread;
`pycuda.autoinit` and `make_context` would make another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycuda import driver

from engine_builder.manifest import INPUT, Frames, Outputs

from ...errors import BackendLostError
from .protocol import Description

# Two batches: while one computes, the next is copied in and the last one out.
DEPTH = 2


@dataclass
class _Slot:
    """Everything one batch needs, made once: nothing is allocated while serving."""

    stream: Any
    execution: Any
    staged_input: Frames  # page-locked
    staged_outputs: dict[str, npt.NDArray[np.float32]]  # page-locked
    device_input: Any
    device_outputs: dict[str, Any]
    clips: int = 0


class TensorRtBackend:
    """An engine on one GPU."""

    depth = DEPTH

    def __init__(
        self,
        trt: Any,
        engine: bytes,
        max_batch: int,
        shape: tuple[int, ...],
        outputs: Mapping[str, int],
        precision: str,
        device: int,
    ) -> None:
        """Load a serialised engine with `trt` (module `tensorrt` or `tensorrt_rtx`) on GPU number `device`.

        `shape` is a clip's, [T, H, W, 3]; `outputs` are all that the engine has, and how many values each has for a
        clip. Raises BackendLostError when the GPU or the engine cannot be used.
        """
        self.max_batch = max_batch
        self.warm_up = sorted({1, max_batch})
        self._shape, self._outputs = shape, outputs
        try:
            driver.init()
            gpu = driver.Device(device)
            self._context = gpu.retain_primary_context()
            self._context.push()
        except driver.Error as error:
            raise BackendLostError(f"GPU {device} cannot be used: {error}") from error
        self.description = Description(trt.__name__.replace("_", "-"), precision, gpu.name())
        try:
            # Kept alive: the engine refers to its runtime, and that to its logger.
            self._runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
            self._engine = self._runtime.deserialize_cuda_engine(engine)
            if self._engine is None:
                raise BackendLostError("TensorRT cannot load the engine; its messages are in the log")
            self._free = [self._make_slot() for _ in range(DEPTH)]
        except driver.Error as error:
            raise BackendLostError(f"GPU {device} has no room for the engine: {error}") from error

    def _make_slot(self) -> _Slot:
        execution = self._engine.create_execution_context()
        if execution is None:
            raise BackendLostError("TensorRT cannot make an execution context")
        staged_input = driver.pagelocked_empty((self.max_batch, *self._shape), np.uint8)
        staged_outputs = {
            name: driver.pagelocked_empty((self.max_batch, size), np.float32) for name, size in self._outputs.items()
        }
        device_input = driver.mem_alloc(staged_input.nbytes)
        device_outputs = {name: driver.mem_alloc(staged.nbytes) for name, staged in staged_outputs.items()}
        for name, memory in {INPUT: device_input, **device_outputs}.items():
            execution.set_tensor_address(name, int(memory))
        return _Slot(driver.Stream(), execution, staged_input, staged_outputs, device_input, device_outputs)

    def start(self, clips: Sequence[Frames]) -> _Slot:
        """See `PipelinedBackend.start`. Raises BackendLostError for CUDA's errors, none of which can be mended here."""
        slot = self._free.pop()
        count = slot.clips = len(clips)
        for staged, clip in zip(slot.staged_input, clips, strict=False):
            np.copyto(staged, clip)
        try:
            driver.memcpy_htod_async(slot.device_input, slot.staged_input[:count], slot.stream)
            accepted = slot.execution.set_input_shape(INPUT, (count, *self._shape))
            if not (accepted and slot.execution.execute_async_v3(slot.stream.handle)):
                raise BackendLostError("TensorRT refused a batch")
            for name, staged in slot.staged_outputs.items():
                driver.memcpy_dtoh_async(staged[:count], slot.device_outputs[name], slot.stream)
        except driver.Error as error:
            raise BackendLostError(f"CUDA failed: {error}") from error
        return slot

    def finish(self, in_flight: _Slot) -> Outputs:
        """See `PipelinedBackend.finish`. Raises BackendLostError."""
        try:
            in_flight.stream.synchronize()
        except driver.Error as error:
            raise BackendLostError(f"CUDA failed: {error}") from error
        self._free.append(in_flight)
        clips = in_flight.clips
        return Outputs.named({name: staged[:clips].copy() for name, staged in in_flight.staged_outputs.items()})

    def infer(self, frames: Frames) -> Outputs:
        """See `Backend.infer`."""
        return self.finish(self.start(list(frames)))

    def close(self) -> None:
        """Free the GPU's memory and let go of its context."""
        self._free.clear()
        del self._engine, self._runtime
        self._context.pop()
