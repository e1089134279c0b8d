"""A checkpoint file, whatever its format, to the tensors of a network."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..architecture import Network, recognise
from ..errors import CheckpointError, NetworkError
from ..wts import WTS_START, Tensors
from .old_format import MAGIC, read_old_format
from .safetensors_format import read_safetensors
from .state_dict import StateDict, find_state_dict
from .tensors import Tensor
from .zip_format import read_zip

HEAD_BYTES = 512
ZIP = b"PK\x03\x04"
TAR = b"ustar"
GIT_LFS = b"version https://git-lfs"
SPARE_VALUES = 1 << 24  # a tensor may repeat its storage (a stride of 0): by no more than this
DAMAGE = (
    *(ValueError, IndexError, KeyError, TypeError, OverflowError, EOFError, RecursionError, NotImplementedError),
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
)


@dataclass(frozen=True)
class Checkpoint:
    """A recognised network with its flat float32 tensors, in the file's order. `ignored`: keys it does not need."""

    network: Network
    tensors: Tensors
    ignored: tuple[str, ...]


def load_checkpoint(path: Path) -> Checkpoint:
    """The network in a `.pth`, `.pt` or `.safetensors` file; its format is told by its content.

    Raises CheckpointError, naming the file, when it cannot be read, holds none or more than weights, and when a key,
    shape or value is not a network's.
    """
    try:
        content = _reader(path)(path)
        state = find_state_dict(content)
        network = _recognise(state)
        return Checkpoint(network, _values(state, path.stat().st_size), state.ignored)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: not enough memory to read it") from error
    except DAMAGE as error:
        raise CheckpointError(f"{path}: damaged or truncated: {error or type(error).__name__}") from error


def _reader(path: Path) -> Callable[[Path], object]:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(ZIP):
        return read_zip
    if head.startswith(MAGIC):
        return read_old_format
    if len(head) > 8 and head[8:9] == b"{":
        return read_safetensors
    raise CheckpointError(_what_else(head))


def _what_else(head: bytes) -> str:
    if not head:
        return "the file is empty"
    if head.startswith(GIT_LFS):
        return "a pointer of Git LFS, not the file itself: run `git lfs pull`"
    if head.startswith(b"\x80") or TAR in head:
        return (
            "a pickle or archive that PyTorch 0.4 and later do not make: with PyTorch, save its state dict anew: "
            "torch.save(model.state_dict(), FILE)"
        )
    if WTS_START.match(head):
        return "a .wts file already, which `r3d-engine build` takes as it is"
    kind = "binary data" if b"\0" in head else "text"
    return f"{kind}, not a checkpoint: .pth and .pt files of torch.save, .safetensors and .wts are read"


def _recognise(state: StateDict) -> Network:
    try:
        network = recognise({key: tensor.size for key, tensor in state.tensors.items()})
    except NetworkError as error:
        raise CheckpointError(
            f"key {state.original(error.tensor)!r}: {error.reason}; found: {state.shown()}"
        ) from error
    for key, shape in network.shapes().items():
        if state.tensors[key].shape != shape:
            found = state.tensors[key].shape
            raise CheckpointError(f"key {state.original(key)!r}: shape {found}, expected {shape}")
    return network


def _values(state: StateDict, file_bytes: int) -> Tensors:
    if sum(tensor.size for tensor in state.tensors.values()) > file_bytes + SPARE_VALUES:
        raise CheckpointError("damaged: its tensors have more values than the file could hold")
    return {key: _finite(state.original(key), tensor) for key, tensor in state.tensors.items()}


def _finite(key: str, tensor: Tensor) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    values = tensor.array().reshape(-1)
    finite = np.isfinite(values)
    if not finite.all():
        index = int((~finite).argmax())
        raise CheckpointError(f"key {key!r}: value {index} is {values[index]}, not a finite number")
    return values
