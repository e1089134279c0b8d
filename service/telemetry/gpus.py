"""What NVIDIA's driver says of its GPUs, for `/metrics`: memory, load of the cores and of the decoder, temperature."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Read = Callable[[ModuleType, Any], float]

# Name, description, and how it is read of a device by NVML (https://docs.nvidia.com/deploy/nvml-api/).
FIGURES: tuple[tuple[str, str, Read], ...] = (
    ("r3d_gpu_memory_used_bytes", "Memory in use, of all processes", lambda n, g: n.nvmlDeviceGetMemoryInfo(g).used),
    ("r3d_gpu_memory_bytes", "Memory", lambda n, g: n.nvmlDeviceGetMemoryInfo(g).total),
    (
        "r3d_gpu_busy_ratio",
        "Share of the last moments in which a kernel ran",
        lambda n, g: n.nvmlDeviceGetUtilizationRates(g).gpu / 100,
    ),
    (
        "r3d_gpu_decoder_busy_ratio",
        "Share of the last moments in which the video decoder worked",
        lambda n, g: n.nvmlDeviceGetDecoderUtilization(g)[0] / 100,
    ),
    ("r3d_gpu_temperature_celsius", "Temperature", lambda n, g: n.nvmlDeviceGetTemperature(g, 0)),
)


class GpuCollector(Collector):
    """Asks the driver at each scrape. A figure that a GPU does not have is left out."""

    def __init__(self, nvml: ModuleType) -> None:
        """`nvml`: the module `pynvml`, initialised."""
        self._nvml = nvml

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names, without asking the driver."""
        return [GaugeMetricFamily(name, what, labels=["gpu", "name"]) for name, what, _ in FIGURES]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client. By the driver's numbers, which may not be CUDA's."""
        nvml = self._nvml
        handles = []
        with suppress(nvml.NVMLError):
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        for name, what, read in FIGURES:
            family = GaugeMetricFamily(name, what, labels=["gpu", "name"])
            for index, handle in enumerate(handles):
                with suppress(nvml.NVMLError):
                    family.add_metric([str(index), str(nvml.nvmlDeviceGetName(handle))], read(nvml, handle))
            yield family


def gpu_collector() -> GpuCollector | None:
    """The collector, or None where there is no NVIDIA driver, or no package to ask it with (extra `gpu`)."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return GpuCollector(pynvml)
