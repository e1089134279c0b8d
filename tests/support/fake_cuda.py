"""CUDA as far as the TensorRT backend uses it, in NumPy: asynchronous work really waits for `synchronize`, so that a
missing one, or a buffer reused too early, shows in the results."""

import threading
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

CLASSES = 9
FEATURES = 64


class Error(Exception):
    """PyCUDA's base error."""


class Machine:
    """Fake GPUs: their memory, streams and contexts, and the modules `pycuda` and `tensorrt` for them."""

    def __init__(
        self, gpus: Sequence[str] = ("fake GPU 0", "fake GPU 1"), capability: tuple[int, int] = (8, 9)
    ) -> None:
        self._gpus, self._capability = gpus, capability
        self.memory: dict[int, npt.NDArray[np.uint8]] = {}
        self.streams: dict[int, Stream] = {}
        self.contexts: list[tuple[str, int]] = []
        self.failing = False

    def pycuda(self) -> ModuleType:
        """The module `pycuda`, with its `driver`."""
        module = ModuleType("pycuda")
        module.driver = SimpleNamespace(  # type: ignore[attr-defined]
            Error=Error,
            init=lambda: None,
            Device=self._device,
            Stream=lambda: Stream(self),
            mem_alloc=self._allocate,
            pagelocked_empty=lambda shape, dtype: np.empty(shape, dtype),
            memcpy_htod_async=self._upload,
            memcpy_dtoh_async=self._download,
        )
        return module

    def _device(self, number: int) -> Any:
        if number >= len(self._gpus):
            raise Error("invalid device ordinal")
        return SimpleNamespace(
            name=lambda: self._gpus[number],
            compute_capability=lambda: self._capability,
            retain_primary_context=self._context,
        )

    def _context(self) -> Any:
        def note(what: str) -> Callable[[], None]:
            return lambda: self.contexts.append((what, threading.get_ident()))

        return SimpleNamespace(push=note("push"), pop=note("pop"))

    def _allocate(self, size: int) -> int:
        address = 4096 * (len(self.memory) + 1)
        self.memory[address] = np.zeros(size, np.uint8)
        return address

    def _upload(self, target: int, source: npt.NDArray[Any], stream: "Stream") -> None:
        def copy() -> None:
            self.memory[target][: source.nbytes] = source.reshape(-1).view(np.uint8)

        stream.work.append(copy)

    def _download(self, target: npt.NDArray[Any], source: int, stream: "Stream") -> None:
        def copy() -> None:
            target.reshape(-1).view(np.uint8)[:] = self.memory[source][: target.nbytes]

        stream.work.append(copy)

    def tensorrt(self) -> Any:
        """The module `tensorrt`, whose engines tell a clip's class by its first pixel; the embedding begins with it."""
        machine = self

        class Runtime:
            def __init__(self, logger: object) -> None:
                self.logger = logger

            def deserialize_cuda_engine(self, content: bytes) -> Any:
                if content != b"engine":
                    return None
                return SimpleNamespace(create_execution_context=lambda: Execution(machine))

        class Logger:
            WARNING = 0

            def __init__(self, level: int) -> None:
                self.level = level

        return SimpleNamespace(__name__="tensorrt", Runtime=Runtime, Logger=Logger)


class Stream:
    """Work in order, done when somebody waits for it."""

    def __init__(self, machine: Machine) -> None:
        self.work: list[Callable[[], None]] = []
        self.handle = 77 + len(machine.streams)
        self._machine = machine
        machine.streams[self.handle] = self

    def synchronize(self) -> None:
        """Do the work. Raises Error when the machine fails."""
        if self._machine.failing:
            raise Error("an illegal memory access was encountered")
        for step in self.work:
            step()
        self.work.clear()


class Execution:
    """TensorRT's IExecutionContext."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shape = shape
        return name == "frames"

    def execute_async_v3(self, stream_handle: int) -> bool:
        shape = self._shape
        self._machine.streams[stream_handle].work.append(lambda: self._compute(shape))
        return True

    def _compute(self, shape: tuple[int, ...]) -> None:
        frames = self._machine.memory[self._addresses["frames"]][: np.prod(shape)].reshape(shape)
        first = frames[:, 0, 0, 0, 0].astype(int)
        found = np.full((shape[0], CLASSES), 0.05, np.float32)
        found[np.arange(shape[0]), first * CLASSES // 256] = 0.6
        embeddings = (first[:, None] + np.arange(FEATURES)).astype(np.float32)
        # All outputs need an address, or TensorRT refuses to run.
        for name, values in {"probabilities": found, "embedding": embeddings}.items():
            self._machine.memory[self._addresses[name]][: values.nbytes] = values.reshape(-1).view(np.uint8)
