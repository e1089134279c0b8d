"""Which backend to use, and why."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine_builder.manifest import Manifest, ManifestError, Precision, checked_file

from ...errors import StartupError
from ...settings import Settings, available_cpus
from .double_buffered import DoubleBuffered
from .protocol import Backend, BackendFactory
from .tensorrt_engines import UsableEngine, find_engine


@dataclass(frozen=True)
class Choice:
    """A backend's name, why it was chosen, and how to make it: one factory per device, called in its thread."""

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
        factories = OF_ONNX[name](directory, manifest, settings)
    except (ManifestError, RuntimeError, ImportError, OSError) as error:
        raise StartupError(f"{name} cannot be used: {error}") from error
    return Choice(name, refused + reason, factories)


def _pick(wanted: str) -> tuple[str, str]:
    if wanted != "auto":
        if not _installed(wanted):
            raise StartupError(f"R3D_BACKEND={wanted}, but the package {wanted} is not installed")
        return wanted, "asked for by R3D_BACKEND"
    for name in OF_ONNX:
        if _installed(name):
            return name, f"{name} is the first installed of {' and '.join(OF_ONNX)}"
    raise StartupError("nothing to run the network with: install the extra `cpu` (OpenVINO) or `onnxruntime`")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _tensorrt(found: UsableEngine, manifest: Manifest, settings: Settings) -> list[BackendFactory]:
    content = found.path.read_bytes()

    def make(device: int) -> Backend:
        from .tensorrt import TensorRtBackend

        batch = min(found.engine.max_batch, settings.max_batch)
        labels, precision = len(manifest.labels), found.engine.precision
        return TensorRtBackend(found.trt, content, batch, manifest.clip.shape, labels, precision, device)

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

    if provider == CPU:
        return [partial(make, 0)]
    return [
        partial(lambda device: DoubleBuffered(make(device), manifest.clip.shape), each) for each in settings.devices
    ]


# What runs the ONNX network itself: the package's name, in the order of preference, and how to make its backends.
OF_ONNX: Mapping[str, Callable[[Path, Manifest, Settings], list[BackendFactory]]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}
