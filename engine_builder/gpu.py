"""The GPU of this machine, by PyCUDA."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A GPU's name and compute capability, such as "9.0"."""

    name: str
    compute_capability: str


def find_gpu() -> Gpu | None:
    """The first GPU, or None where there is none, or no PyCUDA."""
    try:
        from pycuda import driver
    except ImportError:
        return None
    try:
        driver.init()
        device = driver.Device(0)
    except driver.Error:
        return None
    return Gpu(device.name(), ".".join(map(str, device.compute_capability())))
