"""What `r3d-engine` verifies models with: the decoding and the backends that serve them.

This module is an `engine_builder.serving.Serving`, registered as an entry point of the group `r3d.serving`.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from engine_builder.manifest import ClipFormat, Engine, Frames, Manifest, Precision, VerificationError

from ..classification.decode_job import job_of
from ..decoding.decoder import Decoder
from ..environment import SettingsError, settings_from_environment
from ..errors import ServiceError, StartupError
from ..inference.backends.candidates import PACKAGES, Candidate, candidates_of, installed
from ..inference.backends.gpu_packages import find_gpus, import_runtime
from ..inference.backends.protocol import Backend
from ..inference.backends.tensorrt_engines import find_engine
from ..inference.backends.tensorrt_log import log_of
from ..inference.fastest import measure_ways
from ..inference.selection import choose, engine_choice
from ..settings import Settings

if TYPE_CHECKING:  # it imports PyCUDA, which may not be here
    from ..inference.backends.tensorrt import TensorRtBackend

B = TypeVar("B", bound=Backend)


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

    @contextmanager
    def open(self) -> Iterator[Backend]:
        """See `engine_builder.serving.Backend.open`. On the first device of several."""
        with _opened(self.candidate.factories[0]) as backend:
            yield backend


@dataclass(frozen=True)
class Unusable:
    """See `engine_builder.serving.Backend`: a package that is installed and cannot be used here."""

    name: str
    reason: str
    served: bool = False
    engine: Engine | None = None

    @contextmanager
    def open(self) -> Iterator[Backend]:
        """Raises VerificationError."""
        raise VerificationError(self.reason)
        yield


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

    @contextmanager
    def open(self) -> Iterator[Backend]:
        """See `engine_builder.serving.Backend.open`. On the first device of several."""
        found = find_engine(self.directory, self.manifest, self.settings.devices, self.engine.precision)
        if isinstance(found, str):
            raise VerificationError(found)
        with _opened(engine_choice(found, self.manifest, self.settings).factories[0]) as backend:
            yield backend


def backends(directory: Path, manifest: Manifest) -> Iterator[OnnxWay | EngineWay | Unusable]:
    """See `Serving.backends`; which one is served is by the settings of the environment."""
    settings = _settings()
    try:
        served = choose(settings, directory, manifest)
        everything = settings.model_copy(update={"backend": "auto", "precision": "auto"})
        ways = {package: candidates_of(package, everything, directory, manifest) for package in PACKAGES}
    except StartupError as error:
        raise VerificationError(f"nothing would serve this model here: {error}") from error
    for engine in manifest.engines:
        alone = manifest.model_copy(update={"engines": (engine,)})
        yield EngineWay(engine, engine == served.engine, directory, alone, settings)
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


def runtime_problem(runtime: str) -> str | None:
    """See `Serving.runtime_problem`."""
    gpus = find_gpus((0,))
    found = gpus if isinstance(gpus, str) else import_runtime(runtime)
    return found if isinstance(found, str) else None


def engine_problem(directory: Path, manifest: Manifest, precision: Precision, runtime: str) -> str | None:
    """See `Serving.engine_problem`."""
    engines = tuple(engine for engine in manifest.engines if engine.runtime == runtime)
    found = find_engine(directory, manifest.model_copy(update={"engines": engines}), (0,), precision)
    return found if isinstance(found, str) else None


def trt_logger(trt: ModuleType) -> Any:
    """See `Serving.trt_logger`."""
    return log_of(trt).sink


@contextmanager
def open_engine(trt: ModuleType, content: bytes, engine: Engine, manifest: Manifest) -> Iterator["TensorRtBackend"]:
    """See `Serving.open_engine`."""
    if isinstance(gpus := find_gpus((0,)), str):
        raise VerificationError(gpus)
    from ..inference.backends.tensorrt import TensorRtBackend

    with _opened(lambda: TensorRtBackend(trt, content, engine, manifest.clip.shape, manifest.outputs, 0)) as backend:
        yield backend


@contextmanager
def _opened(factory: Callable[[], B]) -> Iterator[B]:
    """A backend, closed at the end of the block. Raises VerificationError when it cannot be loaded."""
    try:
        backend = factory()
    except Exception as error:  # a runtime may raise anything
        raise VerificationError(str(error)) from error
    try:
        yield backend
    finally:
        backend.close()


def _settings() -> Settings:
    try:
        return settings_from_environment()
    except SettingsError as error:
        raise VerificationError(str(error)) from error
