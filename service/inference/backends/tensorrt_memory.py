"""Execution contexts that fit into what the GPU has free."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from pycuda import driver

from engine_builder.manifest import INPUT

from ...errors import BackendLostError

logger = logging.getLogger(__name__)

# Of free memory, what others, and CUDA itself, may want in the meantime.
SPARE = 64 << 20


class Contexts:
    """The execution contexts of an engine, for the largest batch for which they find room.

    Where there is room they are TensorRT's own, with memory for the engine's largest batch. Where there is not, they
    get memory from here, for a smaller one.
    """

    def __init__(self, trt: Any, engine: Any, wanted: int, count: int, clip_bytes: int, config: Any = None) -> None:
        """`wanted`: the engine's largest batch, or less. `count`: contexts. `clip_bytes`: of a clip's buffers.

        Raises BackendLostError when not even one clip fits.
        """
        self._trt, self._engine, self._config = trt, engine, config
        self._memory: list[Any] = []
        free = driver.mem_get_info()[0] - SPARE
        need = count * (engine.device_memory_size_v2 + wanted * clip_bytes)
        self.max_batch = wanted if need <= free else self._largest(wanted, count, clip_bytes, free, need)
        if self.max_batch < wanted:
            told = f"{need >> 20} MiB for batches of {wanted}, {free >> 20} are free"
            logger.warning("the engine needs %s: batches are of %d at most", told, self.max_batch)
        self.made = [self._make(own=self.max_batch == wanted) for _ in range(count)]

    def free(self) -> None:
        """Give back the memory from here; the contexts must not be used any more."""
        self.made.clear()
        for memory in self._memory:
            memory.free()
        self._memory.clear()

    def _largest(self, wanted: int, count: int, clip_bytes: int, free: int, need: int) -> int:
        context, batch = self._bare(), wanted
        while batch := batch // 2:
            need = count * (self._size(context, batch) + batch * clip_bytes)
            if need <= free:
                return batch
        room = max(free, 0) >> 20
        raise BackendLostError(f"the GPU has {room} MiB free; the engine needs {need >> 20} for one clip at a time")

    def _bare(self) -> Any:
        """A context without memory."""
        strategy = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        if self._config is None:
            return self._checked(self._engine.create_execution_context(strategy))
        self._config.set_execution_context_allocation_strategy(strategy)
        return self._checked(self._engine.create_execution_context(self._config))

    def _size(self, context: Any, batch: int) -> int:
        shape = (batch, *tuple(self._engine.get_tensor_shape(INPUT))[1:])
        context.set_input_shape(INPUT, shape)
        return int(context.update_device_memory_size_for_shapes())

    def _make(self, own: bool) -> Any:
        if own:
            arguments = () if self._config is None else (self._config,)
            return self._checked(self._engine.create_execution_context(*arguments))
        context = self._bare()
        size = self._size(context, self.max_batch)
        self._memory.append(driver.mem_alloc(max(size, 1)))
        context.set_device_memory(int(self._memory[-1]), size)
        return context

    def _checked(self, context: Any) -> Any:
        if context is None:
            raise BackendLostError("TensorRT cannot make an execution context")
        return context


def clip_bytes(shape: tuple[int, ...], outputs: Mapping[str, int]) -> int:
    """Bytes of a clip's uint8 frames and its float32 outputs."""
    return int(np.prod(shape)) + 4 * sum(outputs.values())
