"""PyCUDA as decoding uses it. Work in a stream is done when somebody waits for it, in order: what uses memory that is
written again before that shows in the results."""

import ctypes
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.decoding.nvdec.colours import Colours
from service.decoding.nvdec.kernel import FRAMES

from .arithmetic import crop

BLOCKING_SYNC = 4
PRIMARY = 4711


class Error(Exception):
    """PyCUDA's base error."""


class MemoryError_(Error):  # noqa: N801, N818
    """No memory is left."""


class Stream:
    """Work in order."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self._work: list[Callable[[], None]] = []
        self.handle = machine.next_address()
        machine.streams[self.handle] = self

    def add(self, work: Callable[[], None]) -> None:
        self._work.append(work)

    def synchronize(self) -> None:
        self._machine.check_health()
        work, self._work = self._work, []
        for step in work:
            step()


class Allocation:
    """Device memory."""

    def __init__(self, machine: "Machine", size: int) -> None:
        self._machine, self.address = machine, machine.allocate(size)

    def __int__(self) -> int:
        return self.address

    def __del__(self) -> None:
        self._machine.memory.pop(self.address, None)


class Machine:
    """A GPU: its memory, its context and its streams."""

    def __init__(self) -> None:
        self.memory: dict[int, npt.NDArray[np.uint8]] = {}
        self.streams: dict[int, Stream] = {}
        self.failed = False
        self._current = threading.local()
        self._lock = threading.Lock()
        self._address = 1 << 32

    def next_address(self) -> int:
        with self._lock:
            self._address += 1 << 32
            return self._address

    def allocate(self, size: int) -> int:
        self.check_current()
        address = self.next_address()
        self.memory[address] = np.full(size, 0xA5, np.uint8)
        return address

    def bytes_at(self, address: int, size: int) -> npt.NDArray[np.uint8]:
        """Memory that lies within one allocation."""
        base = address >> 32 << 32
        memory = self.memory[base]
        assert 0 <= address - base <= len(memory) - size, "outside of what is allocated"
        return memory[address - base : address - base + size]

    def check_current(self) -> None:
        assert getattr(self._current, "depth", 0), "no context is current in this thread"

    def check_health(self) -> None:
        self.check_current()
        if self.failed:
            raise Error("an illegal memory access was encountered")

    def _move(self, by: int) -> None:
        self._current.depth = getattr(self._current, "depth", 0) + by
        assert self._current.depth >= 0

    def _make_context(self, flags: int) -> Any:
        assert flags == BLOCKING_SYNC, "waiting would spin on a core"
        self._move(1)
        return SimpleNamespace(handle=PRIMARY, push=lambda: self._move(1), pop=lambda: self._move(-1))

    def pycuda(self) -> ModuleType:
        """The module `pycuda`, with its `driver`."""
        module = ModuleType("pycuda")
        module.driver = SimpleNamespace(  # type: ignore[attr-defined]
            Error=Error,
            MemoryError=MemoryError_,
            init=lambda: None,
            Device=lambda number: SimpleNamespace(name=lambda: f"stand-in {number}", make_context=self._make_context),
            ctx_flags=SimpleNamespace(SCHED_BLOCKING_SYNC=BLOCKING_SYNC),
            Context=SimpleNamespace(synchronize=self.check_health),
            Stream=lambda: Stream(self),
            module_from_buffer=self._module,
            mem_alloc=lambda size: Allocation(self, size),
            pagelocked_empty=lambda size, dtype: np.empty(size, dtype),
            memcpy_htod=self._upload,
            memcpy_dtoh_async=self._download,
        )
        return module

    def _module(self, code: bytes) -> Any:
        assert b".entry crop(" in code
        assert code.endswith(b"\0")
        return SimpleNamespace(get_function={"crop": Kernel(self)}.__getitem__)

    def _upload(self, target: Allocation, source: npt.NDArray[Any]) -> None:
        self.bytes_at(int(target), source.nbytes)[:] = source.reshape(-1).view(np.uint8)

    def _download(self, target: npt.NDArray[np.uint8], source: Allocation, stream: Stream) -> None:
        def copy() -> None:
            target[:] = self.bytes_at(int(source), target.nbytes)

        stream.add(copy)


class Kernel:
    """`crop` of crops.cu."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._types: list[type] = []

    def prepare(self, arguments: str) -> None:
        self._types = [{"P": ctypes.c_uint64, "i": ctypes.c_int}[each] for each in arguments]

    def prepared_async_call(
        self, grid: tuple[int, int, int], block: tuple[int, int, int], stream: Stream, *arguments: int
    ) -> None:
        self._machine.check_health()
        assert len(arguments) == len(self._types)
        for value, kind in zip(arguments, self._types, strict=True):
            assert kind(value).value == value
        frames, (pitch, height, bits, lines, n_lines, columns, n_columns, *colours, target) = (
            arguments[: grid[2]],
            arguments[FRAMES:],
        )
        assert grid[0] * block[0] >= n_columns
        assert grid[1] * block[1] >= n_lines
        rows, sides = (self._table(*each) for each in ((lines, n_lines), (columns, n_columns)))
        dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
        planes_lines = height + -(-height // 2)

        def work() -> None:
            for number, luma in enumerate(frames):
                stored = self._machine.bytes_at(luma, planes_lines * pitch * dtype.itemsize).view(dtype)
                planes = stored.reshape(planes_lines, pitch)
                made = crop(planes[:height], planes[height:], bits, rows, sides, Colours(*colours))
                self._machine.bytes_at(target + number * made.nbytes, made.nbytes)[:] = made.reshape(-1)

        stream.add(work)

    def _table(self, address: int, count: int) -> npt.NDArray[np.int32]:
        return self._machine.bytes_at(address, count * 12).view(np.int32).reshape(count, 3).copy()
