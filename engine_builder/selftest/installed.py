"""What is installed here."""

import importlib.util
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "r3d", "numpy", "onnx", "av", "pycuda", "nvidia-ml-py", "pynvvideocodec", "openvino", "onnxruntime",
    "onnxruntime-gpu", *(f"tensorrt{kind}-cu{cuda}" for kind in ("", "-rtx", "-lean") for cuda in (12, 13)),
)  # fmt: skip


def installed() -> dict[str, str]:
    """Versions, by name: Python, the system, and those of the packages that are there."""
    found = {"python": sys.version.split()[0], "system": platform.platform()}
    for package in PACKAGES:
        # The bindings are there too where a package is just a list of others.
        for name in (package, f"{package}-bindings"):
            try:
                found[package] = version(name)
            except PackageNotFoundError:
                continue
            break
    return found


def gpu_facts() -> dict[str, str]:
    """What the driver says of GPU 0; empty where it cannot be asked."""
    try:
        from pycuda import driver

        driver.init()
        gpu = driver.Device(0)
        cuda = driver.get_driver_version()
    except Exception:  # why is another check's to say
        return {}
    return {
        "gpu": str(gpu.name()),
        "compute capability": ".".join(map(str, gpu.compute_capability())),
        "memory": f"{gpu.total_memory() >> 20} MiB",
        "driver's CUDA": f"{cuda // 1000}.{cuda % 1000 // 10}",
        "PyCUDA's CUDA": ".".join(map(str, driver.get_version())),
        "driver": _driver_version(),
        "video decoder": "PyNvVideoCodec" if importlib.util.find_spec("PyNvVideoCodec") else "not used",
    }


def _driver_version() -> str:
    try:
        pynvml: Any = importlib.import_module("pynvml")
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except Exception:  # the package or the driver's library is missing
        return "unknown"
