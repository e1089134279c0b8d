"""Tensors as a checkpoint describes them: a view of a storage, checked when it is made, read when it is needed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import CheckpointError

Array = npt.NDArray[np.float32]

MAX_AXES = 16
BFLOAT16 = "bf16"  # NumPy has no such type: the upper half of a float32


@dataclass(frozen=True)
class Storage:
    """`count` numbers in a row. `element`: NumPy's type with its byte order, as `<f4`, or `<bf16`."""

    element: str
    count: int
    read: Callable[[], bytes]

    @property
    def item_bytes(self) -> int:
        """Bytes of one number."""
        return item_bytes(self.element)


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; `offset` and `strides` count numbers.

    Raises CheckpointError when it reaches beyond its storage.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(type(number) is int and 0 <= number < 1 << 62 for number in numbers):
            raise CheckpointError("a tensor's shape, stride or offset is no number")
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_AXES:
            raise CheckpointError("a tensor's shape and strides do not go together")
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if self.size and last >= self.storage.count:
            raise CheckpointError(f"a tensor reaches beyond its storage of {self.storage.count} numbers")

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def array(self) -> Array:
        """A copy as float32 in its shape. Raises CheckpointError when its storage cannot be read."""
        if not self.size:
            return np.zeros(self.shape, np.float32)
        element = self.storage.element
        narrow = element.endswith(BFLOAT16)
        stored = np.dtype(f"{element[0]}u2" if narrow else element)
        flat = np.frombuffer(self.storage.read(), stored, self.storage.count)[self.offset :]
        steps = tuple(step * stored.itemsize for step in self.strides)
        view = np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False)
        if narrow:
            return (view.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused as that
            return view.astype(np.float32)


def contiguous(storage: Storage, shape: tuple[int, ...]) -> Tensor:
    """The tensor of that shape whose numbers lie one after the other. Raises CheckpointError as `Tensor` does."""
    return Tensor(storage, 0, shape, tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape))))


def item_bytes(element: str) -> int:
    """Bytes of one number of a storage's element type."""
    return 2 if element.endswith(BFLOAT16) else np.dtype(element).itemsize
