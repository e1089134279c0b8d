"""Whether a model directory has an engine that runs here, and why not."""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from engine_builder.manifest import Engine, Gpu, Manifest, ManifestError, checked_file

from ...settings import PrecisionChoice

PREFERRED = ("int8", "fp16", "bf16", "fp32")


@dataclass(frozen=True)
class UsableEngine:
    """An engine checked against its hash and this machine."""

    engine: Engine
    path: Path
    trt: ModuleType


def find_engine(
    directory: Path, manifest: Manifest, devices: tuple[int, ...], precision: PrecisionChoice = "auto"
) -> UsableEngine | str:
    """The model's engine for these GPUs, or the reason there is none, with what to do about it.

    One of int8 that nobody verified is taken only where int8 is asked for.
    """
    engines = sorted(manifest.engines, key=lambda engine: PREFERRED.index(engine.precision))
    engines = [engine for engine in engines if _is_allowed(engine, precision)]
    if not engines:
        return "the model has no TensorRT engine" + ("" if precision == "auto" else f" in {precision}")
    engine = engines[0]
    for package in (engine.runtime, "pycuda"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed (extra `gpu`)"
    try:
        gpus = _gpus(devices)
        trt = importlib.import_module(engine.runtime)
    except (ImportError, OSError) as error:  # installed, but without the driver or a library it needs
        return f"the extra `gpu` cannot be used here ({error})"
    if isinstance(gpus, str):
        return gpus
    for gpu in gpus:
        if reason := refusal(engine, str(trt.__version__), gpu):
            rebuild = f"r3d-engine build WEIGHTS.wts -o {directory} --engine {engine.runtime.replace('_', '-')}"
            return f"{reason}; build it here: {rebuild} --precision {engine.precision}"
    try:
        return UsableEngine(engine, checked_file(directory, engine), trt)
    except ManifestError as error:
        return str(error)


def _is_allowed(engine: Engine, precision: PrecisionChoice) -> bool:
    if precision == "auto":
        return engine.precision != "int8" or engine.verification is not None
    return engine.precision == precision


def _gpus(devices: tuple[int, ...]) -> list[Gpu] | str:
    """The GPUs, or why they cannot be used. Raises ImportError without a driver."""
    driver: Any = importlib.import_module("pycuda.driver")
    try:
        driver.init()
        found = [driver.Device(number) for number in devices]
    except driver.Error as error:
        return f"no such NVIDIA GPU ({error})"
    return [Gpu(device.name(), ".".join(map(str, device.compute_capability()))) for device in found]


def refusal(engine: Engine, version: str, gpu: Gpu) -> str | None:
    """Why an engine does not run with this version of its runtime on this GPU; None if it should.

    TensorRT accepts an engine of its very version only, or for portable ones of its major version and later; engines of
    TensorRT-RTX run on any GPU that it supports.
    """
    same = version == engine.runtime_version
    if not same and not (engine.portable and _major(version) >= _major(engine.runtime_version)):
        return f"the engine was made by {engine.runtime} {engine.runtime_version}, {version} is installed"
    if engine.runtime == "tensorrt_rtx":
        return None
    if engine.portable:
        low = float(gpu.compute_capability) < 8.0
        return f"portable engines need an Ampere GPU or later, this is {gpu.name}" if low else None
    if (engine.gpu_name, engine.compute_capability) != (gpu.name, gpu.compute_capability):
        made_for = f"{engine.gpu_name} (compute capability {engine.compute_capability})"
        return f"the engine was made for {made_for}, this is {gpu.name} ({gpu.compute_capability})"
    return None


def _major(version: str) -> int:
    return int(version.split(".")[0])
