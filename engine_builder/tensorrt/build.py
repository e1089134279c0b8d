"""ONNX to a serialised engine, with TensorRT or TensorRT-RTX: one code path, as the two modules have one API.

Networks are strongly typed (TensorRT 11 knows no other kind), so the graph's own types decide the precision.
"""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BuildError
from ..files import replacing
from ..manifest import INPUT, ClipFormat
from ..serving import find_serving
from .gpu import find_gpu

USUAL_BATCH = 8  # the batch that kernels are chosen for

# TensorRT counts a tensor's elements in 31 bits.
MAX_ELEMENTS = (1 << 31) - 1

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
    """Parse the ONNX file and set up the build.

    Raises BuildError with the parser's words when it is not taken, and for batches that are too large for TensorRT.
    """
    logger = find_serving().trt_logger(trt)
    builder = trt.Builder(logger)
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(model)):
        reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise BuildError(f"{model}: the parser refuses it: {reasons}")
    if (largest := largest_batch(network)) < options.max_batch:
        most = f"TensorRT takes tensors of less than 2^31 elements, so {largest} is the largest"
        raise BuildError(f"--max-batch {options.max_batch}: {most}")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    # Set by default, it rounds what fp32 multiplies to 10 bits: an fp32 engine would fail its own check.
    config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    batches = (1, min(USUAL_BATCH, options.max_batch), options.max_batch)
    profile.set_shape(INPUT, *((batch, *clip.shape) for batch in batches))
    config.add_optimization_profile(profile)
    if options.portable and options.runtime is Runtime.TENSORRT:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    return Definition(builder, network, config, profile, [logger, parser])


def largest_batch(network: Any) -> int:
    """The largest batch with which no tensor of a parsed network has too many elements for TensorRT."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    tensors = [layer.get_output(index) for layer in layers for index in range(layer.num_outputs)]
    shapes = [tuple(tensor.shape) for tensor in tensors if len(tensor.shape) > 0]
    of_a_clip = [math.prod(sizes) for batch, *sizes in shapes if batch < 0 and min(sizes, default=1) > 0]
    return MAX_ELEMENTS // max(of_a_clip, default=1)


def build_engine(
    trt: ModuleType,
    model: Path,
    clip: ClipFormat,
    options: EngineOptions,
    folder: Path,
    progress: Progress | None = None,
) -> bytes:
    """The serialised engine. `folder` keeps timings between builds (TensorRT only; TensorRT-RTX times on the target).

    Raises BuildError when TensorRT cannot build it.
    """
    definition = define(trt, model, clip, options)
    if progress is not None:
        definition.config.progress_monitor = _monitor(trt, progress)
    timings = _timings(trt, folder) if options.runtime is Runtime.TENSORRT else None
    if timings is not None:
        _use_timings(definition.config, timings)
    engine = definition.builder.build_serialized_network(definition.network, definition.config)
    if engine is None:
        raise BuildError(f"{options.runtime.value} could not build an engine; its messages are above")
    if timings is not None and (made := definition.config.get_timing_cache()) is not None:
        with replacing(timings) as stream:
            stream.write(bytes(made.serialize()))
    return bytes(engine)


def _timings(trt: ModuleType, folder: Path) -> Path:
    """The file of timings that are good for this version on this GPU."""
    gpu = find_gpu()
    return folder / f"timing-{trt.__version__}-{gpu.compute_capability if gpu else 'none'}.cache"


def _use_timings(config: Any, timings: Path) -> None:
    """Start from the timings kept, or from none where TensorRT does not take them."""
    known = timings.read_bytes() if timings.exists() else b""
    for content in (known, b""):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return


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
            # What is returned or raised here decides about the build, so nothing may be taken for granted.
            total = self._steps.get(phase_name, 0)
            progress(phase_name, min(step + 1, total), total)
            return True

        def phase_finish(self, phase_name: str) -> None:
            total = self._steps.pop(phase_name, 0)
            progress(phase_name, total, total)

    return Monitor()
