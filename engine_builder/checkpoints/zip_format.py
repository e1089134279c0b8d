"""PyTorch's zip format (since 1.6): one folder with `data.pkl`, `data/N` and `byteorder`, none of it compressed."""

import io
import zipfile
from pathlib import Path

from ..errors import CheckpointError
from .pickled import read_pickle
from .storages import storage_id
from .tensors import Storage, item_bytes

PICKLE = "data.pkl"


def read_zip(path: Path) -> object:
    """What `torch.save` was given, its tensors as `Tensor`. They read their storages from the file when asked.

    Raises CheckpointError for what is not a checkpoint or not allowed in one; for damage also what `zipfile` and
    `read_pickle` raise.
    """
    archive = _Archive(path)
    return read_pickle(io.BytesIO(archive.read(PICKLE)), archive.storage)


class _Archive:
    """The records of one file; a storage that several tensors share is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with zipfile.ZipFile(path) as archive:
            self._sizes = _sizes(archive.infolist(), path.stat().st_size)
            names = [name for name in self._sizes if name.count("/") == 1 and name.endswith(f"/{PICKLE}")]
            if len(names) != 1:
                raise CheckpointError("it is a zip archive, but not one that torch.save makes")
            self._folder = names[0].removesuffix(PICKLE)
        if f"{self._folder}constants.pkl" in self._sizes:
            raise CheckpointError(
                "it is a TorchScript archive: with PyTorch, take its weights out: "
                "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')"
            )
        self._order = self._byte_order()
        self._storages: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        with zipfile.ZipFile(self._path) as archive:
            record = archive.getinfo(f"{self._folder}{name}")
            if not record.CRC:  # torch.save can be told to compute none; this is how zipfile can be told to check none
                record.CRC = None  # type: ignore[assignment]
            return archive.read(record)

    def storage(self, identifier: object) -> Storage:
        found = storage_id(identifier)
        record = f"data/{found.key}"
        needed = found.count * item_bytes(found.element)
        if self._sizes.get(f"{self._folder}{record}", -1) < needed:
            raise CheckpointError(f"truncated: its record {record!r} has less than {needed} bytes")
        return Storage(self._order + found.element, found.count, lambda: self._kept(record))

    def _kept(self, record: str) -> bytes:
        if record not in self._storages:
            self._storages[record] = self.read(record)
        return self._storages[record]

    def _byte_order(self) -> str:
        order = self.read("byteorder").strip() if f"{self._folder}byteorder" in self._sizes else b"little"
        if order not in (b"little", b"big"):
            raise CheckpointError(f"damaged: byte order {order[:20]!r}")
        return "<" if order == b"little" else ">"


def _sizes(records: list[zipfile.ZipInfo], available: int) -> dict[str, int]:
    """Name to bytes. What a small file could unfold to more than itself is refused."""
    if any(record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1 for record in records):
        raise CheckpointError(
            "its records are compressed or encrypted, which torch.save never does: unpack it, or save it anew"
        )
    if sum(record.file_size for record in records) > available:
        raise CheckpointError("damaged: its records are larger than the file")
    return {record.filename: record.file_size for record in records}
