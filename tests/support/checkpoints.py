"""Checkpoints for tests, made by PyTorch, and a file that would run code."""

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save

from .recipe import Tensors, draw, narrow

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is missing: pip install '.[torch]'"
)


def torch_state(tensors: Tensors) -> dict[str, Any]:
    """The tensors as PyTorch's."""
    import torch

    return {name: torch.from_numpy(values) for name, values in tensors.items()}


class Attack:
    """Unpickling it makes a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.directory),)


def published_like(folder: Path, architecture: str = "r3d_18", classes: int = 400) -> Path:
    """A narrow network's weights in a file whose name carries its hash, as torchvision's do. Needs no PyTorch."""
    content = save(draw(narrow(architecture, 16, classes)))
    path = folder / f"{architecture}-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    path.write_bytes(content)
    return path
