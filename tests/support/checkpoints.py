"""Checkpoints for tests, made by PyTorch, and a file that would run code."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from .recipe import Tensors

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
