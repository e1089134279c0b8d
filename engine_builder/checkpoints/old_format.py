"""PyTorch's format before 1.6: five pickles, then the storages.

torchvision's published video networks are in it: their sizes (`_file_size` in torchvision 0.28) are those of this
format to the KiB, not of the zip format. Layout: `_legacy_save` in PyTorch's `torch/serialization.py`. The pickles
are a magic number, the format's version, the machine's byte order, the object, and the storages' keys; each storage is
its count (int64) and its numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import CheckpointError
from .pickled import read_pickle
from .storages import storage_id
from .tensors import Storage

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
VERSION = 1001
COUNT_BYTES = 8


def read_old_format(path: Path) -> object:
    """What `torch.save` was given, its tensors as `Tensor`. They read their storages from the file when asked.

    Raises CheckpointError for what is not allowed in a checkpoint; for damage also what `read_pickle` raises.
    """
    with path.open("rb") as stream:
        stream.seek(len(MAGIC))
        version = read_pickle(stream, storage_id)
        system = read_pickle(stream, storage_id)
        if version != VERSION or not isinstance(system, dict):
            raise CheckpointError("damaged: it has no version of PyTorch's old format")
        storages = _Storages(path, "<" if system.get("little_endian", True) else ">")
        content = read_pickle(stream, storages.storage)
        keys = read_pickle(stream, storage_id)
        if not isinstance(keys, list):
            raise CheckpointError("damaged: it does not say which storages follow")
        storages.locate(stream, keys)
    return content


class _Storages:
    """Where each storage lies in the file; one that several tensors share is read once."""

    def __init__(self, path: Path, order: str) -> None:
        self._path = path
        self._order = order
        self._found: dict[str, Storage] = {}
        self._starts: dict[str, int] = {}
        self._kept: dict[str, bytes] = {}

    def storage(self, identifier: object) -> Storage:
        found = storage_id(identifier)
        element = self._order + found.element
        known = self._found.setdefault(found.key, Storage(element, found.count, lambda: self._read(found.key)))
        if (known.element, known.count) != (element, found.count):
            raise CheckpointError(f"damaged: storage {found.key[:40]!r} has two types or sizes")
        return known

    def locate(self, stream: BinaryIO, keys: Sequence[object]) -> None:
        """Go over the storages behind the pickles. Raises CheckpointError when they are not those announced."""
        end = self._path.stat().st_size
        for key in keys:
            storage = self._found[str(key)]
            if int.from_bytes(stream.read(COUNT_BYTES), "little" if self._order == "<" else "big") != storage.count:
                raise CheckpointError("damaged or truncated: a storage is not as long as was announced")
            self._starts[str(key)] = stream.tell()
            if stream.seek(storage.count * storage.item_bytes, 1) > end:
                raise CheckpointError("truncated: the file ends within its tensors")
        if len(self._starts) != len(self._found):
            raise CheckpointError("damaged: a storage is missing")

    def _read(self, key: str) -> bytes:
        if key not in self._kept:
            with self._path.open("rb") as stream:
                stream.seek(self._starts[key])
                self._kept[key] = stream.read(self._found[key].count * self._found[key].item_bytes)
        return self._kept[key]
