"""TensorRT and PyCUDA as installed packages: found and imported as such, and the engines they would run."""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

import pytest

from engine_builder.manifest import Engine

from .fake_cuda import Machine

VERSION = "11.4.0.106"
L4_NAME, L4_CAPABILITY = "NVIDIA L4", (8, 9)
NO_DRIVER = "libcuda.so.1: cannot open shared object file: No such file or directory"


def engine(**changes: object) -> Engine:
    """An engine for the L4."""
    made = Engine(
        file="model.fp16.engine",
        sha256="0" * 64,
        precision="fp16",
        max_batch=32,
        runtime="tensorrt",
        runtime_version=VERSION,
        gpu_name=L4_NAME,
        compute_capability="8.9",
        portable=False,
        verification=None,
    )
    return made.model_copy(update=changes)


class _Packages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules; importing the `broken` one fails."""

    def __init__(self, modules: dict[str, ModuleType], broken: str | None, error: str) -> None:
        self._modules, self._broken, self._error = modules, broken, error

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._modules:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name == "pycuda")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if spec.name == self._broken:
            raise ImportError(self._error)
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        pass


def install(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, broken: str | None = None, error: str = NO_DRIVER
) -> None:
    """Have `tensorrt` and `pycuda` installed, for this machine's GPUs, until the test ends.

    Importing the `broken` one fails with `error`.
    """
    tensorrt = ModuleType("tensorrt")
    tensorrt.__dict__.update(vars(machine.tensorrt()) | {"__version__": VERSION})
    driver = ModuleType("pycuda.driver")
    driver.__dict__.update(vars(machine.pycuda().driver))
    modules = {"tensorrt": tensorrt, "pycuda": ModuleType("pycuda"), "pycuda.driver": driver}
    for name in modules:
        # Noted here, the names are taken out again at the end.
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Packages(modules, broken, error), *sys.meta_path])
