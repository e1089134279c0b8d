"""TensorRT, PyCUDA and the driver: whether they are here and go together. Every way they can fail has its sentence."""

import importlib
import importlib.util
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from engine_builder.manifest import Gpu

# CUDA's major version -> the oldest driver that TensorRT's packages for it are tested with, and the extra with them
# (https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html).
DRIVERS = {12: ("r535", "gpu-cu12"), 13: ("r580", "gpu")}


def find_gpus(devices: tuple[int, ...]) -> list[Gpu] | str:
    """The GPUs of these numbers, or why they cannot be used."""
    driver = _pycuda()
    if isinstance(driver, str):
        return driver
    try:
        driver.init()
    except driver.Error as error:
        return f"there is no NVIDIA GPU here ({error})"
    try:
        found = [driver.Device(number) for number in devices]
    except driver.Error as error:
        return f"there is no GPU {', '.join(map(str, devices))} here ({error})"
    if problem := _too_old("PyCUDA", driver.get_version()[0], driver.get_driver_version()):
        return problem
    return [Gpu(device.name(), ".".join(map(str, device.compute_capability()))) for device in found]


def import_runtime(name: str) -> ModuleType | str:
    """The module `tensorrt` or `tensorrt_rtx`, or why it cannot be used. PyCUDA's driver must be usable."""
    if importlib.util.find_spec(name) is None:
        return _missing(name)
    driver: Any = importlib.import_module("pycuda.driver")
    # Checked first: of the wrong CUDA, the package may end the process when it is used.
    if (major := cuda_of(name)) and (problem := _too_old(name, major, driver.get_driver_version())):
        return problem
    try:
        return importlib.import_module(name)
    except Exception as error:  # a broken package may raise anything
        return f"{name} is installed, but cannot be loaded ({error}): install it again"


def cuda_of(runtime: str) -> int | None:
    """The major version of CUDA that an installed runtime is for; None where its package does not say."""
    for major in DRIVERS:
        try:
            version(f"{runtime.replace('_', '-')}-cu{major}-bindings")
        except PackageNotFoundError:
            continue
        return major
    return None


def _pycuda() -> Any:
    """The module `pycuda.driver`, or why it cannot be used."""
    if importlib.util.find_spec("pycuda") is None:
        return _missing("pycuda")
    try:
        return importlib.import_module("pycuda.driver")
    except Exception as error:  # a broken package may raise anything
        if "libcuda.so" in str(error):
            return f"there is no NVIDIA driver here ({error})"
        if "undefined symbol: cu" in str(error):
            return f"the NVIDIA driver is older than the CUDA that PyCUDA was built with ({error}): update the driver"
        return (
            f"PyCUDA is installed, but cannot be loaded ({error}): build it again for this Python and this CUDA, "
            "pip install --force-reinstall --no-cache-dir pycuda"
        )


def _missing(package: str) -> str:
    return f"the package {package} is not installed (extra `gpu`)"


def _too_old(what: str, cuda: int, driver: int) -> str | None:
    """Whether a driver, which knows CUDA up to `driver` (13010 is 13.1), is too old for what needs that major."""
    known, minor = driver // 1000, driver % 1000 // 10
    if known >= cuda:
        return None
    need, _ = DRIVERS.get(cuda, ("a newer one", ""))
    other = f", or install the extra `{DRIVERS[known][1]}`" if known in DRIVERS else ""
    update = f"update it to {need} or later{other}"
    return f"{what} is for CUDA {cuda}, the NVIDIA driver knows CUDA {known}.{minor}: {update}"
