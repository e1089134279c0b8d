"""Which backend to use, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine_builder.manifest import Manifest, Precision

from ..errors import StartupError
from ..settings import Settings
from .backends.protocol import Backend, BackendFactory
from .backends.tensorrt_engines import UsableEngine, find_engine
from .fastest import fastest


@dataclass(frozen=True)
class Choice:
    """What runs the network, why it was chosen, and how to make it: one factory per worker, called in its thread."""

    package: str
    precision: Precision
    reason: str
    factories: Sequence[BackendFactory]


def choose(settings: Settings, directory: Path, manifest: Manifest) -> Choice:
    """The backend for a model: a TensorRT engine that fits this GPU, else the fastest way to run the ONNX network.

    Raises StartupError when a package, a good model file or the precision asked for is missing.
    """
    refused = ""
    if settings.backend in ("auto", "tensorrt"):
        found = find_engine(directory, manifest, settings.devices, settings.precision)
        if isinstance(found, UsableEngine):
            reason = f"{found.path.name} fits GPU {', '.join(map(str, settings.devices))}"
            return Choice("tensorrt", found.engine.precision, reason, _tensorrt(found, manifest, settings))
        if settings.backend == "tensorrt":
            raise StartupError(f"R3D_BACKEND=tensorrt, but {found}")
        refused = f"TensorRT: {found}; "
    candidate, reason = fastest(settings, directory, manifest)
    return Choice(candidate.package, candidate.precision, refused + reason, candidate.serving or candidate.factories)


def _tensorrt(found: UsableEngine, manifest: Manifest, settings: Settings) -> list[BackendFactory]:
    content = found.path.read_bytes()

    def make(device: int) -> Backend:
        from .backends.tensorrt import TensorRtBackend

        batch = min(found.engine.max_batch, settings.max_batch)
        labels, precision = len(manifest.labels), found.engine.precision
        return TensorRtBackend(found.trt, content, batch, manifest.clip.shape, labels, precision, device)

    return [partial(make, device) for device in settings.devices]
