"""The driver's figures of its GPUs. The driver is stood in for; its names are checked against NVIDIA's module."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from service.telemetry.gpus import gpu_collector
from service.telemetry.metrics import Metrics


class NVMLError(Exception):
    """As in pynvml."""


def driver(count: int = 2, without: str = "", missing: bool = False) -> ModuleType:
    """The module `pynvml` for so many GPUs; `without` a function that they do not have."""

    def refuse(*_: object) -> None:
        raise NVMLError("Not Supported")

    def init() -> None:
        if missing:
            raise NVMLError("Driver Not Loaded")

    module = ModuleType("pynvml")
    module.__dict__.update(
        NVMLError=NVMLError,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda gpu: "NVIDIA L4",
        nvmlDeviceGetMemoryInfo=lambda gpu: SimpleNamespace(used=1000 + gpu, total=4000),
        nvmlDeviceGetUtilizationRates=lambda gpu: SimpleNamespace(gpu=50),
        nvmlDeviceGetDecoderUtilization=lambda gpu: (25, 1000),
        nvmlDeviceGetTemperature=lambda gpu, sensor: 60,
    )
    if without:
        setattr(module, without, refuse)
    return module


def lines(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> list[str]:
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return [line for line in Metrics().text().decode().splitlines() if line.startswith("r3d_gpu")]


def test_every_gpu_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lines(monkeypatch, driver())
    assert 'r3d_gpu_memory_used_bytes{gpu="1",name="NVIDIA L4"} 1001.0' in found
    assert 'r3d_gpu_memory_bytes{gpu="0",name="NVIDIA L4"} 4000.0' in found
    assert 'r3d_gpu_busy_ratio{gpu="0",name="NVIDIA L4"} 0.5' in found
    assert 'r3d_gpu_decoder_busy_ratio{gpu="0",name="NVIDIA L4"} 0.25' in found
    assert 'r3d_gpu_temperature_celsius{gpu="0",name="NVIDIA L4"} 60.0' in found
    assert len(found) == 10


def test_a_figure_that_a_gpu_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lines(monkeypatch, driver(without="nvmlDeviceGetDecoderUtilization"))
    assert len(found) == 8
    assert lines(monkeypatch, driver(without="nvmlDeviceGetCount")) == []


@pytest.mark.parametrize("module", [None, driver(missing=True)], ids=["no package", "no driver"])
def test_without_a_driver_there_is_nothing(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert gpu_collector() is None
    assert lines(monkeypatch, module) == []
