"""PyTorch weights to `.wts` tensors: torchvision's pretrained ones, or a fine-tuned checkpoint. Needs `torch`."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .architecture import recognise
from .errors import CheckpointError, NetworkError
from .wts import Tensors

ARCHITECTURES = ("r3d_18", "mc3_18", "r2plus1d_18")
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put the weights
PREFIXES = ("module.", "model.")  # DataParallel, Lightning


def load_pretrained(architecture: str) -> Tensors:
    """Kinetics-400 weights from torchvision, downloaded by torchvision into its own cache and hash-checked.

    Raises CheckpointError when torchvision is missing or the download fails.
    """
    try:
        from torchvision.models import get_model_weights
    except (ImportError, RuntimeError) as error:
        raise CheckpointError(f"torchvision is needed for pretrained weights: {error}") from error
    try:
        state = get_model_weights(architecture).DEFAULT.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"cannot get torchvision's weights of {architecture}: {error}") from error
    return check(state, architecture)


def load_checkpoint(path: Path, architecture: str) -> Tensors:
    """The weights of a `.pth` or `.pt` file, read without running code from it (`weights_only`).

    Raises CheckpointError when it cannot be read, and when a key or shape is not the architecture's.
    """
    try:
        import torch
    except ImportError as error:
        raise CheckpointError("PyTorch is needed to read checkpoints: install the `torch` extra") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path}: not a checkpoint that can be read safely: {error}") from error
    return check(unwrap(content), architecture)


def unwrap(content: object) -> dict[str, Any]:
    """The state dict inside what a training script saved, its keys without wrapper prefixes."""
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError("the file holds no state dict")
    state = {str(key): value for key, value in content.items()}
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in state)), None):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def check(state: Mapping[str, Any], architecture: str) -> Tensors:
    """The state dict's tensors flat, in its order. Raises CheckpointError naming the key that is wrong."""
    for key, value in state.items():
        if not hasattr(value, "numel"):
            raise CheckpointError(f"key {key!r}: a {type(value).__name__}, not a tensor")
    try:
        network = recognise({key: value.numel() for key, value in state.items()})
    except NetworkError as error:
        raise CheckpointError(f"key {error.tensor!r}: {error.reason}") from error
    if network.architecture != architecture:
        raise CheckpointError(f"these are the weights of {network.architecture}, not {architecture}")
    for key, shape in network.shapes().items():
        if tuple(state[key].shape) != shape:
            raise CheckpointError(f"key {key!r}: shape {tuple(state[key].shape)}, expected {shape}")
    return {key: value.float().numpy().astype(np.float32).reshape(-1) for key, value in state.items()}
