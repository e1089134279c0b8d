"""CUDA as far as the TensorRT backend uses it, in NumPy: asynchronous work really waits for `synchronize`, so that a
missing one, or a buffer reused too early, shows in the results."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from .fake_tensorrt import RuntimeCache, tensorrt_of


class Error(Exception):
    """PyCUDA's base error."""


class EventFlags(IntEnum):
    """PyCUDA's, with CUDA's values."""

    DEFAULT = 0
    BLOCKING_SYNC = 1
    DISABLE_TIMING = 2


class Stack(list["Context"]):
    """A thread's contexts. As PyCUDA does, it ends the process if the thread ends and one is left."""

    def __del__(self) -> None:
        if self:
            print("PyCUDA ERROR: The context stack was not empty upon module cleanup.", file=sys.stderr, flush=True)
            os.abort()


class Stacks(threading.local):
    """The stack of each thread."""

    def __init__(self) -> None:
        self.contexts = Stack()


class Context:
    """A primary context that was retained once."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        machine.retained += 1

    def push(self) -> None:
        self._machine.note("push")
        self._machine.stacks.contexts.append(self)

    def pop(self) -> None:
        self._machine.note("pop")
        if not self._machine.stacks.contexts:
            raise Error("cannot pop non-current context")
        self._machine.stacks.contexts.pop()

    def detach(self) -> None:
        self._machine.note("detach")
        left = [size for size, _ in self._machine.memory.values()]
        assert not left or self._machine.retained > 1, f"{len(left)} allocations outlive their context"
        self._machine.retained -= 1


class Allocation:
    """Device memory."""

    def __init__(self, machine: "Machine", address: int) -> None:
        self._machine, self._address = machine, address

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._machine.memory.pop(self._address, None)

    __del__ = free


class Machine:
    """Fake GPUs: their memory, streams and contexts, and the modules `pycuda` and `tensorrt` for them."""

    def __init__(
        self,
        gpus: Sequence[str] = ("fake GPU 0", "fake GPU 1"),
        capability: tuple[int, int] = (8, 9),
        room: int = 1 << 30,
        driver: int = 13010,
    ) -> None:
        """`room`: bytes of device memory. `driver`: the CUDA that it knows, 13010 for 13.1."""
        self._driver = driver
        self._gpus, self._capability, self.room = gpus, capability, room
        self._next = 4096
        self.memory: dict[int, tuple[int, npt.NDArray[np.uint8]]] = {}
        self.streams: dict[int, Stream] = {}
        self.contexts: list[tuple[str, int]] = []
        self.stacks = Stacks()
        self.retained = 0
        self.failing = False
        self.refuses: set[str] = set()  # tensors whose address is not taken
        self.plan = b"engine"  # the engine that can be loaded
        self.context_bytes = 100  # that a context takes for each clip
        self.shape: tuple[int, ...] = (2, 4, 4, 3)
        self.strategies: list[object] = []  # with which contexts were made
        self.runtime_caches: list[RuntimeCache] = []
        self.executed = 0  # batches
        self.logged: list[tuple[int, str]] = []  # what TensorRT says when it loads an engine
        self.host_code: list[bool] = []  # for each engine loaded, whether its code was allowed

    def note(self, what: str) -> None:
        """A context was used, in this thread."""
        self.contexts.append((what, threading.get_ident()))

    @property
    def used(self) -> int:
        """Bytes of device memory in use."""
        return sum(size for size, _ in self.memory.values())

    def pycuda(self) -> ModuleType:
        """The module `pycuda`, with its `driver`."""
        module = ModuleType("pycuda")
        module.driver = SimpleNamespace(  # type: ignore[attr-defined]
            Error=Error,
            Event=lambda flags: Event(self, flags),
            event_flags=EventFlags,
            init=self._init,
            get_version=lambda: (13, 0, 0),
            get_driver_version=lambda: self._driver,
            Device=self._device,
            Stream=lambda flags: Stream(self, flags),
            mem_alloc=self._allocate,
            mem_get_info=lambda: (self.room - self.used, self.room),
            pagelocked_empty=lambda shape, dtype: np.empty(shape, dtype),
            memcpy_htod_async=self._upload,
            memcpy_dtoh_async=self._download,
        )
        return module

    def _init(self) -> None:
        if not self._gpus:
            raise Error("cuInit failed: no CUDA-capable device is detected")

    def _device(self, number: int) -> Any:
        if number >= len(self._gpus):
            raise Error("invalid device ordinal")
        return SimpleNamespace(
            name=lambda: self._gpus[number],
            total_memory=lambda: self.room,
            compute_capability=lambda: self._capability,
            retain_primary_context=lambda: Context(self),
        )

    def _allocate(self, size: int) -> Allocation:
        assert self.stacks.contexts, "no context is current"
        if size > self.room - self.used:
            raise Error("out of memory")
        self._next += 1 << 32
        self.memory[self._next] = size, np.zeros(size, np.uint8)
        return Allocation(self, self._next)

    def _upload(self, target: Allocation, source: npt.NDArray[Any], stream: "Stream") -> None:
        def copy() -> None:
            self.memory[int(target)][1][: source.nbytes] = source.reshape(-1).view(np.uint8)

        stream.work.append(copy)

    def _download(self, target: npt.NDArray[Any], source: Allocation, stream: "Stream") -> None:
        def copy() -> None:
            target.reshape(-1).view(np.uint8)[:] = self.memory[int(source)][1][: target.nbytes]

        stream.work.append(copy)

    def tensorrt(self) -> Any:
        """The module `tensorrt`, whose engines tell a clip's class by its first pixel."""
        return tensorrt_of(self)


class Stream:
    """Work in order, done when somebody waits for it."""

    def __init__(self, machine: Machine, flags: int) -> None:
        self.flags = flags
        self.work: list[Callable[[], None]] = []
        self.handle = 77 + len(machine.streams)
        machine.streams[self.handle] = self


class Event:
    """A point in a stream."""

    def __init__(self, machine: Machine, flags: int) -> None:
        assert flags & EventFlags.BLOCKING_SYNC, "waiting would spin on a core"
        self._machine = machine
        self._before: Iterable[Callable[[], None]] = ()

    def record(self, stream: Stream) -> None:
        self._before = tuple(stream.work)
        stream.work.clear()

    def synchronize(self) -> None:
        """Do the work before it. Raises Error when the machine fails."""
        if self._machine.failing:
            raise Error("an illegal memory access was encountered")
        for step in self._before:
            step()
        self._before = ()
