"""TensorRT as the backend uses it, on the CUDA of `fake_cuda`: its engines tell a clip's class by its first pixel."""

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .fake_cuda import Machine

CLASSES = 9
FEATURES = 64


def tensorrt_of(machine: "Machine") -> Any:
    """The module `tensorrt` of a machine."""

    class ILogger:
        def __init__(self) -> None:
            pass

    class Runtime:
        engine_host_code_allowed = False

        def __init__(self, logger: Any) -> None:
            assert machine.stacks.contexts, "no context is current"
            self.logger = logger

        def deserialize_cuda_engine(self, content: bytes) -> Any:
            machine.host_code.append(self.engine_host_code_allowed)
            for severity, message in machine.logged:
                self.logger.log(severity, message)
            return Engine(machine) if content == machine.plan else None

    module = ModuleType("tensorrt")
    strategy = SimpleNamespace(STATIC="STATIC", USER_MANAGED="USER_MANAGED")
    module.__dict__.update(Runtime=Runtime, ILogger=ILogger, ExecutionContextAllocationStrategy=strategy)
    return module


class Engine:
    """TensorRT's ICudaEngine."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    @property
    def device_memory_size_v2(self) -> int:
        return self._machine.context_bytes * 4

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self._machine.shape)

    def create_execution_context(self, how: Any = "STATIC") -> "Execution":
        self._machine.strategies.append(how)
        return Execution(self._machine)

    def create_runtime_config(self) -> "RuntimeConfig":
        return RuntimeConfig(self._machine)


class RuntimeConfig:
    """TensorRT-RTX's IRuntimeConfig."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def create_runtime_cache(self) -> "RuntimeCache":
        return RuntimeCache(self._machine)

    def set_runtime_cache(self, cache: "RuntimeCache") -> bool:
        self._machine.runtime_caches.append(cache)
        return True

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        self.strategy = strategy


class RuntimeCache:
    """TensorRT-RTX's IRuntimeCache, which holds a kernel once a batch was run."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.loaded = b""

    def deserialize(self, blob: bytes) -> bool:
        self.loaded = blob if blob.startswith(b"kernel") else b""
        return bool(self.loaded)

    def serialize(self) -> bytes:
        return b"kernel" * self._machine.executed or self.loaded


class Execution:
    """TensorRT's IExecutionContext."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return name not in self._machine.refuses

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shape = shape
        return name == "frames"

    def update_device_memory_size_for_shapes(self) -> int:
        return self._machine.context_bytes * self._shape[0]

    def set_device_memory(self, memory: int, size: int) -> None:
        assert self._machine.memory[memory][0] >= size

    def execute_async_v3(self, stream_handle: int) -> bool:
        shape = self._shape
        self._machine.executed += 1
        self._machine.streams[stream_handle].work.append(lambda: self._compute(shape))
        return True

    def _compute(self, shape: tuple[int, ...]) -> None:
        frames = self._machine.memory[self._addresses["frames"]][1][: np.prod(shape)].reshape(shape)
        first = frames[:, 0, 0, 0, 0].astype(int)
        found = np.full((shape[0], CLASSES), 0.05, np.float32)
        found[np.arange(shape[0]), first * CLASSES // 256] = 0.6
        embeddings = (first[:, None] + np.arange(FEATURES)).astype(np.float32)
        # All outputs need an address, or TensorRT refuses to run.
        for name, values in {"probabilities": found, "embedding": embeddings}.items():
            self._machine.memory[self._addresses[name]][1][: values.nbytes] = values.reshape(-1).view(np.uint8)
