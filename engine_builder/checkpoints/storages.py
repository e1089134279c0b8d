"""A storage's identifier in a pickle, the same in PyTorch's zip and old formats."""

from dataclasses import dataclass

from ..errors import CheckpointError
from .globals import Global


@dataclass(frozen=True)
class StorageId:
    """Which storage, and how many numbers of NumPy's type `element` (without byte order) it has."""

    key: str
    element: str
    count: int


def storage_id(found: object) -> StorageId:
    """What `('storage', class, key, device, count, ...)` says. Raises CheckpointError for anything else."""
    if isinstance(found, tuple) and found[:1] == ("module",):
        raise CheckpointError(
            "it holds a whole model, not its weights. Where it was made, save those alone: "
            "torch.save(model.state_dict(), FILE)"
        )
    if not isinstance(found, tuple) or len(found) < 5 or found[0] != "storage" or any(found[5:]):
        raise CheckpointError("damaged: a storage without a name")
    _, kind, key, _, count = found[:5]
    element = kind.element if isinstance(kind, Global) else None
    if element is None or not isinstance(key, str) or type(count) is not int or count < 0:
        raise CheckpointError("damaged: a storage of no known type or size")
    return StorageId(key, element, count)
