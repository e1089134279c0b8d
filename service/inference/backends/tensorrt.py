"""TensorRT and TensorRT-RTX engines through PyCUDA: memory and streams are PyCUDA's, the network TensorRT's."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
from pycuda import driver

from engine_builder.manifest import INPUT, Engine, Frames, Outputs

from ...errors import BackendLostError
from .cuda import NON_BLOCKING, blocking_event, forget_frames, primary_context
from .protocol import Description
from .rtx_cache import KernelCache
from .tensorrt_memory import Contexts, clip_bytes
from .tensorrt_runtime import LoadedEngine, load_engine

# Two batches: while one computes, the next is copied in and the last one out.
DEPTH = 2


class _Slot:
    """Everything one batch needs, made once: nothing is allocated while serving."""

    def __init__(self, execution: Any, max_batch: int, shape: tuple[int, ...], outputs: Mapping[str, int]) -> None:
        self.execution = execution
        self.stream, self.done = driver.Stream(NON_BLOCKING), blocking_event()
        self.staged_input: Frames = driver.pagelocked_empty((max_batch, *shape), np.uint8)
        self.staged_outputs: dict[str, npt.NDArray[np.float32]] = {
            name: driver.pagelocked_empty((max_batch, size), np.float32) for name, size in outputs.items()
        }
        self.device_input = driver.mem_alloc(self.staged_input.nbytes)
        self.device_outputs = {name: driver.mem_alloc(each.nbytes) for name, each in self.staged_outputs.items()}
        self.clips = 0
        for name, memory in {INPUT: self.device_input, **self.device_outputs}.items():
            if not execution.set_tensor_address(name, int(memory)):
                raise BackendLostError(f"the engine has no tensor {name!r}: it is not of this model")

    def free(self) -> None:
        """Give back the memory, also where something still refers to this object."""
        self.device_input.free()
        for memory in self.device_outputs.values():
            memory.free()
        self.__dict__.clear()


class TensorRtBackend:
    """An engine on one GPU."""

    depth = DEPTH

    def __init__(
        self, trt: Any, content: bytes, entry: Engine, shape: tuple[int, ...], outputs: Mapping[str, int], device: int
    ) -> None:
        """Load a serialised engine with `trt` (module `tensorrt` or `tensorrt_rtx`) on GPU number `device`.

        `entry` is what the manifest says of it, `shape` a clip's, [T, H, W, 3]; `outputs` are all that the engine has,
        and how many values each has for a clip. Raises BackendLostError when the GPU or the engine cannot be used;
        nothing of it is left behind then.
        """
        self._trt, self._shape, self._outputs = trt, shape, outputs
        self._slots: list[_Slot] = []
        self._contexts: Contexts | None = None
        self._kernels: KernelCache | None = None
        self._loaded: LoadedEngine | None = None
        with ExitStack() as stack:
            gpu = stack.enter_context(primary_context(device))
            self.description = Description(trt.__name__.replace("_", "-"), entry.precision, gpu.name())
            stack.push(self._let_go)
            try:
                self._load(content, entry, gpu.name())
            except driver.Error as error:
                raise BackendLostError(f"GPU {device} has no room for the engine: {error}") from error
            self._held = stack.pop_all()
        self._free = list(self._slots)
        self.warm_up = sorted({1, self.max_batch})

    def _load(self, content: bytes, entry: Engine, gpu: str) -> None:
        self._loaded = load_engine(self._trt, content, entry)
        engine = self._loaded.engine
        config = None
        if entry.runtime == "tensorrt_rtx":
            self._kernels = KernelCache(engine, entry, gpu)
            config = self._kernels.config
        need = clip_bytes(self._shape, self._outputs)
        self._contexts = Contexts(self._trt, engine, entry.max_batch, DEPTH, need, config)
        self.max_batch = self._contexts.max_batch
        for execution in self._contexts.made:
            self._slots.append(_Slot(execution, self.max_batch, self._shape, self._outputs))

    def _let_go(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Free everything that is in the context, before it goes."""
        forget_frames(error)
        for slot in self._slots:
            slot.free()
        self._slots, self._free = [], []
        if self._contexts is not None:
            self._contexts.free()
        if self._kernels is not None:
            self._kernels.save()
        self._contexts = self._kernels = self._loaded = None

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
            slot.done.record(slot.stream)
        except driver.Error as error:
            raise BackendLostError(f"CUDA failed: {error}") from error
        return slot

    def finish(self, in_flight: _Slot) -> Outputs:
        """See `PipelinedBackend.finish`. Raises BackendLostError."""
        try:
            in_flight.done.synchronize()
        except driver.Error as error:
            raise BackendLostError(f"CUDA failed: {error}") from error
        self._free.append(in_flight)
        clips = in_flight.clips
        return Outputs.named({name: staged[:clips].copy() for name, staged in in_flight.staged_outputs.items()})

    def infer(self, frames: Frames) -> Outputs:
        """See `Backend.infer`."""
        found = self.finish(self.start(list(frames)))
        if self._kernels is not None and len(frames) == self.max_batch:
            self._kernels.save()  # at the end of the warm-up: a process may be killed before it can close
        return found

    def layers(self) -> str:
        """The engine's layers as JSON, by TensorRT's engine inspector."""
        assert self._loaded is not None, "the backend is closed"  # noqa: S101
        inspector = self._loaded.engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def close(self) -> None:
        """Free the GPU's memory and let go of its context."""
        self._held.close()
