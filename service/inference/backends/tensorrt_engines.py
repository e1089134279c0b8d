"""Which engines of a model directory run here, and why the others do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from engine_builder.manifest import Engine, Gpu, Manifest, ManifestError, checked_content

from ...settings import PrecisionChoice
from .gpu_packages import find_gpus, import_runtime

PREFERRED = ("int8", "fp16", "bf16", "fp32")
# A portable engine of a major version is loaded by itself and by these
# (https://docs.nvidia.com/deeplearning/tensorrt/11.1.0/inference-library/engine-compatibility.html).
LATER_MAJORS = {10: (11,)}
# What TensorRT-RTX builds for unless told otherwise: 8.0, 8.6, 8.9, 12.0 and 12.1
# (https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/inference-library/cpu-engines.html). Turing can be named,
# but its compiler (1.7) takes no FP32 convolutions and products for it, and every network here has some.
RTX_CAPABILITIES = ("8.0", "8.6", "8.9", "12.0", "12.1")


@dataclass(frozen=True)
class UsableEngine:
    """An engine that should run here: its bytes, checked against the manifest's hash, and the module that loads it."""

    engine: Engine
    path: Path
    content: bytes
    trt: ModuleType


def engines(
    directory: Path, manifest: Manifest, devices: tuple[int, ...], precision: PrecisionChoice = "auto"
) -> Iterator[UsableEngine | str]:
    """The model's engines that fit these GPUs, the fastest first, and in their places the reasons why others do not.

    A file is read when it is its turn. One of int8 that nobody verified is taken only where int8 is asked for.
    """
    wanted = [engine for engine in manifest.engines if _is_allowed(engine, precision)]
    if not wanted:
        yield "the model has no TensorRT engine" + ("" if precision == "auto" else f" in {precision}")
        return
    gpus = find_gpus(devices)
    if isinstance(gpus, str):
        yield gpus
        return
    for engine in sorted(wanted, key=lambda engine: (PREFERRED.index(engine.precision), engine.portable)):
        yield _usable(directory, engine, gpus)


def find_engine(
    directory: Path, manifest: Manifest, devices: tuple[int, ...], precision: PrecisionChoice = "auto"
) -> UsableEngine | str:
    """The first engine that fits, or why none does, with what to do about it."""
    reasons = []
    for found in engines(directory, manifest, devices, precision):
        if isinstance(found, UsableEngine):
            return found
        reasons.append(found)
    return "; ".join(dict.fromkeys(reasons))


def _usable(directory: Path, engine: Engine, gpus: list[Gpu]) -> UsableEngine | str:
    trt = import_runtime(engine.runtime)
    if isinstance(trt, str):
        return trt
    for gpu in gpus:
        if reason := refusal(engine, str(trt.__version__), gpu):
            rebuild = f"r3d-engine build WEIGHTS -o {directory} --engine {engine.runtime.replace('_', '-')}"
            return f"{reason}; build it here: {rebuild} --precision {engine.precision}"
    try:
        return UsableEngine(engine, directory / engine.file, checked_content(directory, engine), trt)
    except ManifestError as error:
        return str(error)


def _is_allowed(engine: Engine, precision: PrecisionChoice) -> bool:
    if precision == "auto":
        return engine.precision != "int8" or engine.verification is not None
    return engine.precision == precision


def refusal(engine: Engine, version: str, gpu: Gpu) -> str | None:
    """Why an engine does not run with this version of its runtime on this GPU; None if it should.

    An engine runs with the very version that made it; a portable one of TensorRT also with later ones.
    """
    made, installed = _numbers(engine.runtime_version), _numbers(version)
    if made != installed and not (engine.portable and engine.runtime == "tensorrt" and _may_follow(made, installed)):
        return f"the engine was made by {engine.runtime} {engine.runtime_version}, {version} is installed"
    if engine.runtime == "tensorrt_rtx":
        if gpu.compute_capability in RTX_CAPABILITIES:
            return None
        return f"TensorRT-RTX runs no such engine on {gpu.name} (compute capability {gpu.compute_capability})"
    if engine.portable:
        low = float(gpu.compute_capability) < 8.0
        return f"portable engines need an Ampere GPU or later, this is {gpu.name}" if low else None
    if (engine.gpu_name, engine.compute_capability) != (gpu.name, gpu.compute_capability):
        made_for = f"{engine.gpu_name} (compute capability {engine.compute_capability})"
        return f"the engine was made for {made_for}, this is {gpu.name} ({gpu.compute_capability})"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """Major, minor, patch and build; a package's ".post1" is no part of them."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _may_follow(made: tuple[int, ...], installed: tuple[int, ...]) -> bool:
    if not made or not installed:
        return False
    return installed > made and (installed[0] == made[0] or installed[0] in LATER_MAJORS.get(made[0], ()))
