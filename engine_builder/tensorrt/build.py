"""ONNX to a serialised engine, with TensorRT or TensorRT-RTX: one code path, as the two modules have one API.

Networks are strongly typed (TensorRT 11 knows no other kind), so the graph's own types decide the precision.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BuildError
from ..manifest import INPUT, ClipFormat

USUAL_BATCH = 8  # the batch that kernels are chosen for

# Called with a phase's name, its steps done and its steps in all.
Progress = Callable[[str, int, int], None]


class Runtime(StrEnum):
    """What an engine is built for; the value is the module's name."""

    TENSORRT = "tensorrt"
    TENSORRT_RTX = "tensorrt_rtx"


@dataclass(frozen=True)
class EngineOptions:
    """`portable`: for other GPUs (Ampere and later) and later versions too, where the runtime offers it."""

    runtime: Runtime
    max_batch: int = 32
    portable: bool = False


def load_runtime(runtime: Runtime) -> ModuleType:
    """The runtime's module. Raises BuildError when it is not installed."""
    try:
        return importlib.import_module(runtime.value)
    except ImportError as error:
        package = runtime.value.replace("_", "-")
        raise BuildError(f"{package} is not installed: pip install {package}") from error


@dataclass
class Definition:
    """A parsed network and how to build it, before the building. Keeps what TensorRT's objects refer to alive."""

    builder: Any
    network: Any
    config: Any
    profile: Any
    kept: list[Any]


def define(trt: ModuleType, model: Path, clip: ClipFormat, options: EngineOptions) -> Definition:
    """Parse the ONNX file and set up the build. Raises BuildError with the parser's words when it is not taken."""
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(model)):
        reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise BuildError(f"{model}: the parser refuses it: {reasons}")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    profile = builder.create_optimization_profile()
    batches = (1, min(USUAL_BATCH, options.max_batch), options.max_batch)
    profile.set_shape(INPUT, *((batch, *clip.shape) for batch in batches))
    config.add_optimization_profile(profile)
    if options.portable and options.runtime is Runtime.TENSORRT:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    return Definition(builder, network, config, profile, [logger, parser])


def build_engine(
    trt: ModuleType,
    model: Path,
    clip: ClipFormat,
    options: EngineOptions,
    cache: Path,
    progress: Progress | None = None,
) -> bytes:
    """The serialised engine. `cache` holds timings between builds (TensorRT only; TensorRT-RTX times on the target).

    Raises BuildError when TensorRT cannot build it.
    """
    definition = define(trt, model, clip, options)
    if progress is not None:
        definition.config.progress_monitor = _monitor(trt, progress)
    timed = options.runtime is Runtime.TENSORRT
    if timed:
        known = cache.read_bytes() if cache.exists() else b""
        definition.config.set_timing_cache(definition.config.create_timing_cache(known), ignore_mismatch=False)
    engine = definition.builder.build_serialized_network(definition.network, definition.config)
    if engine is None:
        raise BuildError(f"{options.runtime.value} could not build an engine; its messages are above")
    if timed:
        cache.write_bytes(bytes(definition.config.get_timing_cache().serialize()))
    return bytes(engine)


def _monitor(trt: ModuleType, progress: Progress) -> Any:
    """TensorRT's own interface for watching a build, on top of a function."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            progress(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress(phase_name, step + 1, self._steps[phase_name])
            return True

        def phase_finish(self, phase_name: str) -> None:
            total = self._steps.pop(phase_name)
            progress(phase_name, total, total)

    return Monitor()


def describe_engine(trt: ModuleType, engine: Path) -> str:
    """The engine's layers as JSON, by the engine inspector. Raises BuildError where it cannot be loaded."""
    logger = trt.Logger(trt.Logger.ERROR)
    runtime = trt.Runtime(logger)
    loaded = runtime.deserialize_cuda_engine(engine.read_bytes())
    if loaded is None:
        raise BuildError(f"{engine}: this engine cannot be loaded here")
    return str(loaded.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))
