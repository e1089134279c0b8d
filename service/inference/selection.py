"""Which backend to use, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine_builder.manifest import Engine, Manifest, Precision

from ..errors import StartupError
from ..settings import Settings
from .backends.protocol import Backend, BackendFactory
from .backends.tensorrt_engines import UsableEngine, engines
from .fastest import fastest


@dataclass(frozen=True)
class Choice:
    """What runs the network, why it was chosen, and how to make it: one factory per worker, called in its thread.

    `engine`: the manifest's entry, for TensorRT.
    """

    package: str
    precision: Precision
    reason: str
    factories: Sequence[BackendFactory]
    engine: Engine | None = None


def ways(settings: Settings, directory: Path, manifest: Manifest) -> Iterator[Choice]:
    """The backends to try for a model, best first: TensorRT engines that fit, then the fastest for the ONNX network.

    The next is worked out only when the one before it did not load. Raises StartupError when a package, a good model
    file or the precision asked for is missing.
    """
    refused: list[str] = []
    if settings.backend in ("auto", "tensorrt"):
        for found in engines(directory, manifest, settings.devices, settings.precision):
            if isinstance(found, UsableEngine):
                yield engine_choice(found, manifest, settings)
            else:
                refused.append(found)
        reasons = "; ".join(dict.fromkeys(refused))
        if settings.backend == "tensorrt":
            if reasons:
                raise StartupError(f"R3D_BACKEND=tensorrt, but {reasons}")
            return
    candidate, reason = fastest(settings, directory, manifest)
    why = f"TensorRT: {reasons}; {reason}" if refused else reason
    yield Choice(candidate.package, candidate.precision, why, candidate.serving or candidate.factories)


def choose(settings: Settings, directory: Path, manifest: Manifest) -> Choice:
    """The first of `ways`. Raises StartupError when there is none."""
    return next(ways(settings, directory, manifest))


def engine_choice(found: UsableEngine, manifest: Manifest, settings: Settings) -> Choice:
    """The choice that an engine is, with the settings' GPUs and largest batch."""
    entry = found.engine.model_copy(update={"max_batch": min(found.engine.max_batch, settings.max_batch)})

    def make(device: int) -> Backend:
        from .backends.tensorrt import TensorRtBackend

        return TensorRtBackend(found.trt, found.content, entry, manifest.clip.shape, manifest.outputs, device)

    reason = f"{found.path.name} fits GPU {', '.join(map(str, settings.devices))}"
    factories = [partial(make, device) for device in settings.devices]
    return Choice("tensorrt", found.engine.precision, reason, factories, found.engine)
