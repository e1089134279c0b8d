"""What `r3d-engine` verifies models with: the decoding and the backends that serve them.

This module is an `engine_builder.serving.Serving`, registered as an entry point of the group `r3d.serving`.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from engine_builder.manifest import ClipFormat, Engine, Frames, Manifest, Outputs, VerificationError

from ..classification.pipeline import job_of
from ..decoding.decoder import Decoder
from ..errors import ServiceError, StartupError
from ..inference.backends.candidates import PACKAGES, Candidate, candidates_of, installed
from ..inference.backends.protocol import Backend, BackendFactory, Description
from ..inference.backends.tensorrt_engines import UsableEngine, find_engine
from ..inference.fastest import measure_ways
from ..inference.selection import choose
from ..settings import Settings, SettingsError, settings_from_environment


def clips(video: Path, clip: ClipFormat, limit: int) -> Frames:
    """See `Serving.clips`."""
    settings = _settings()
    try:
        with video.open("rb"):
            return np.stack(asyncio.run(_decode(video, clip, limit, settings)))
    except (ServiceError, StartupError, OSError) as error:
        raise VerificationError(f"{video}: {error}") from error


async def _decode(video: Path, clip: ClipFormat, limit: int, settings: Settings) -> list[Frames]:
    decoder = Decoder(1, 1, settings.sandbox)
    found: list[Frames] = []
    try:
        async with decoder.open(job_of(video, clip, settings)) as stream:
            async for _, frames in stream.clips():
                found.append(frames)
                if len(found) == limit:
                    break
    finally:
        await decoder.close()
    return found


@dataclass(frozen=True)
class OnnxWay:
    """See `engine_builder.serving.Backend`: one way to run the ONNX network."""

    candidate: Candidate
    served: bool
    engine: Engine | None = None

    @property
    def name(self) -> str:
        """The package."""
        return self.candidate.package

    def run(self, frames: Frames) -> tuple[Description, Outputs]:
        """See `engine_builder.serving.Backend.run`. On the first device of several."""
        return _run(self.candidate.factories[0], frames)


@dataclass(frozen=True)
class Unusable:
    """See `engine_builder.serving.Backend`: a package that is installed and cannot be used here."""

    name: str
    reason: str
    served: bool = False
    engine: Engine | None = None

    def run(self, frames: Frames) -> tuple[Description, Outputs]:
        """Raises VerificationError."""
        raise VerificationError(self.reason)


@dataclass(frozen=True)
class EngineWay:
    """See `engine_builder.serving.Backend`: an engine of the manifest, which names no other."""

    engine: Engine
    served: bool
    directory: Path
    manifest: Manifest
    settings: Settings

    @property
    def name(self) -> str:
        """Such as "tensorrt-rtx"."""
        return self.engine.runtime.replace("_", "-")

    def run(self, frames: Frames) -> tuple[Description, Outputs]:
        """See `engine_builder.serving.Backend.run`. On the first device of several."""
        found = find_engine(self.directory, self.manifest, self.settings.devices, self.engine.precision)
        if isinstance(found, str):
            raise VerificationError(found)
        try:
            choice = choose(self.settings, self.directory, self.manifest)
        except StartupError as error:
            raise VerificationError(str(error)) from error
        return _run(choice.factories[0], frames)


def backends(directory: Path, manifest: Manifest) -> Iterator[OnnxWay | EngineWay | Unusable]:
    """See `Serving.backends`; which one is served is by the settings of the environment."""
    settings = _settings()
    try:
        served = choose(settings, directory, manifest)
        everything = settings.model_copy(update={"backend": "auto", "precision": "auto"})
        ways = {package: candidates_of(package, everything, directory, manifest) for package in PACKAGES}
    except StartupError as error:
        raise VerificationError(f"nothing would serve this model here: {error}") from error
    usable = find_engine(directory, manifest, settings.devices)
    preferred = usable.engine if isinstance(usable, UsableEngine) and served.package == "tensorrt" else None
    for engine in manifest.engines:
        alone = manifest.model_copy(update={"engines": (engine,)})
        only = settings.model_copy(update={"backend": "tensorrt", "precision": engine.precision})
        yield EngineWay(engine, engine == preferred, directory, alone, only)
    for package, found in ways.items():
        if isinstance(found, str):
            if installed(package):
                yield Unusable(package, found)
            continue
        for each in found:
            if each.usual:  # how many clips at once changes no result
                yield OnnxWay(each, (each.package, each.precision) == (served.package, served.precision))


def measure(directory: Path, manifest: Manifest) -> dict[str, float]:
    """See `Serving.measure`."""
    try:
        return measure_ways(_settings(), directory, manifest)
    except StartupError as error:
        raise VerificationError(str(error)) from error


def run_engine(
    trt: ModuleType, content: bytes, max_batch: int, manifest: Manifest, precision: str, frames: Frames
) -> Outputs:
    """See `Serving.run_engine`."""
    try:
        from ..inference.backends.tensorrt import TensorRtBackend
    except (ImportError, OSError) as error:
        raise VerificationError(f"PyCUDA cannot be used here ({error}): install the extra `gpu`") from error

    def make() -> Backend:
        return TensorRtBackend(trt, content, max_batch, manifest.clip.shape, manifest.outputs, precision, 0)

    return _run(make, frames)[1]


def _run(factory: BackendFactory, frames: Frames) -> tuple[Description, Outputs]:
    """Create, use and close a backend in a thread of its own. Raises VerificationError."""
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(_infer, factory, frames).result()
        except Exception as error:  # a runtime may raise anything
            raise VerificationError(str(error)) from error


def _infer(factory: BackendFactory, frames: Frames) -> tuple[Description, Outputs]:
    backend = factory()
    try:
        step = backend.max_batch
        found = [backend.infer(frames[start : start + step]) for start in range(0, len(frames), step)]
        return backend.description, Outputs.joined(found)
    finally:
        backend.close()


def _settings() -> Settings:
    try:
        return settings_from_environment()
    except SettingsError as error:
        raise VerificationError(str(error)) from error
