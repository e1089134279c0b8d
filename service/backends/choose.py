"""Which backend to use, and why."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError, checked_file

from ..errors import StartupError
from ..settings import BackendName, Settings
from .protocol import Backend, BackendFactory


@dataclass(frozen=True)
class Choice:
    """A backend's name, the reason it was taken, and how to make it (in its worker thread)."""

    name: str
    reason: str
    factory: BackendFactory


def choose(settings: Settings, directory: Path, manifest: Manifest) -> Choice:
    """The backend for a model. Raises StartupError when its package or a good model file is missing."""
    name, reason = _pick(settings.backend)
    try:
        model = checked_file(directory, manifest.onnx["fp32"])
    except ManifestError as error:
        raise StartupError(str(error)) from error
    maker = {"openvino": _openvino, "onnxruntime": _onnxruntime}[name]
    return Choice(name, reason, maker(model, settings.cpu_threads))


def _pick(wanted: BackendName) -> tuple[str, str]:
    if wanted != "auto":
        if not _installed(wanted):
            raise StartupError(f"R3D_BACKEND={wanted}, but the package {wanted} is not installed")
        return wanted, "asked for by R3D_BACKEND"
    for name, package_extra in (("openvino", "cpu"), ("onnxruntime", "onnxruntime")):
        if _installed(name):
            return name, f"the first installed of OpenVINO and ONNX Runtime (extra `{package_extra}`)"
    raise StartupError("nothing to run the network with: install the extra `cpu` (OpenVINO) or `onnxruntime`")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _openvino(model: Path, threads: int) -> Callable[[], Backend]:
    def make() -> Backend:
        from .openvino import OpenVinoBackend

        return OpenVinoBackend(model, threads)

    return make


def _onnxruntime(model: Path, threads: int) -> Callable[[], Backend]:
    def make() -> Backend:
        from .onnxruntime import OnnxRuntimeBackend

        return OnnxRuntimeBackend(model, threads)

    return make
