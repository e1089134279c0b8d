"""`.safetensors` files, by their own library; its NumPy side knows no bf16, so the bytes are taken as they are."""

from pathlib import Path

from safetensors import SafetensorError, deserialize

from ..errors import CheckpointError
from .tensors import BFLOAT16, Storage, Tensor, contiguous

ELEMENTS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": f"<{BFLOAT16}",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "<?",
}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Name to tensor; those of types that no network here has are left out. Raises CheckpointError."""
    try:
        found = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise CheckpointError(f"not a good safetensors file: {error}") from error
    return {
        name: contiguous(_storage(ELEMENTS[entry["dtype"]], bytes(entry["data"])), tuple(entry["shape"]))
        for name, entry in found
        if entry["dtype"] in ELEMENTS
    }


def _storage(element: str, data: bytes) -> Storage:
    whole = Storage(element, 0, lambda: data)
    return Storage(element, len(data) // whole.item_bytes, whole.read)
