"""The GPU of this machine, by PyCUDA."""

from ..manifest import Gpu


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
