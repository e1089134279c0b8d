"""Which backend to use, and why."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError, Precision, checked_file

from ..errors import StartupError
from ..settings import Settings, available_cpus
from .engines import UsableEngine, find_engine
from .protocol import Backend, BackendFactory
from .staged import Staged


@dataclass(frozen=True)
class Choice:
    """A backend's name, the reason it was taken, and how to make it: one factory a device, called in its thread."""

    name: str
    reason: str
    factories: Sequence[BackendFactory]


def choose(settings: Settings, directory: Path, manifest: Manifest) -> Choice:
    """The backend for a model. Raises StartupError when its package or a good model file is missing."""
    refused = ""
    if settings.backend in ("auto", "tensorrt"):
        found = find_engine(directory, manifest, settings.devices)
        if isinstance(found, UsableEngine):
            reason = f"{found.path.name} fits GPU {', '.join(map(str, settings.devices))}"
            return Choice("tensorrt", reason, _tensorrt(found, manifest, settings))
        if settings.backend == "tensorrt":
            raise StartupError(f"R3D_BACKEND=tensorrt, but {found}")
        refused = f"TensorRT: {found}; "
    name, reason = _pick(settings.backend)
    try:
        factories = {"openvino": _openvino, "onnxruntime": _onnxruntime}[name](directory, manifest, settings)
    except (ManifestError, RuntimeError) as error:
        raise StartupError(str(error)) from error
    return Choice(name, refused + reason, factories)


def _pick(wanted: str) -> tuple[str, str]:
    if wanted != "auto":
        if not _installed(wanted):
            raise StartupError(f"R3D_BACKEND={wanted}, but the package {wanted} is not installed")
        return wanted, "asked for by R3D_BACKEND"
    for name in ("openvino", "onnxruntime"):
        if _installed(name):
            return name, f"{name} is the first installed of openvino and onnxruntime"
    raise StartupError("nothing to run the network with: install the extra `cpu` (OpenVINO) or `onnxruntime`")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _tensorrt(found: UsableEngine, manifest: Manifest, settings: Settings) -> list[BackendFactory]:
    clip = manifest.clip
    content = found.path.read_bytes()

    def make(device: int) -> Backend:
        from .tensorrt import TensorRtBackend

        batch = min(found.engine.max_batch, settings.max_batch)
        shape = (clip.frames, clip.height, clip.width, 3)
        labels, precision = len(manifest.labels), found.engine.precision
        return TensorRtBackend(found.trt, content, batch, shape, labels, precision, device)

    return [partial(make, device) for device in settings.devices]


def _openvino(directory: Path, manifest: Manifest, settings: Settings) -> list[BackendFactory]:
    from .openvino import OpenVinoBackend, OpenVinoNetwork, streams_of

    streams = streams_of(settings.cpu_threads or available_cpus())
    network = OpenVinoNetwork(checked_file(directory, manifest.onnx["fp32"]), settings.cpu_threads, streams)
    return [partial(OpenVinoBackend, network)] * streams


def _onnxruntime(directory: Path, manifest: Manifest, settings: Settings) -> list[BackendFactory]:
    from .onnxruntime import CPU, OnnxRuntimeBackend, pick_provider

    provider = pick_provider(settings.onnxruntime_provider)
    precision: Precision = "fp16" if provider != CPU and "fp16" in manifest.onnx else "fp32"
    model = checked_file(directory, manifest.onnx[precision])

    def make(device: int) -> Backend:
        return OnnxRuntimeBackend(model, precision, provider, device, settings.cpu_threads)

    def make_staged(device: int) -> Backend:
        clip = manifest.clip
        return Staged(make(device), (clip.frames, clip.height, clip.width, 3))

    if provider == CPU:
        return [partial(make, 0)]
    return [partial(make_staged, device) for device in settings.devices]
