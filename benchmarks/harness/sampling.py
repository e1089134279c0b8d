"""Looks at something again and again while a block lasts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GPU_SECONDS = 0.2


@contextmanager
def sampling(look: Callable[[], None], seconds: float) -> Iterator[None]:
    """Calls `look` every `seconds`, in a thread of its own, until the block ends."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


@contextmanager
def utilisation(shares: dict[str, list[float]]) -> Iterator[None]:
    """Collect the driver's figures of the first GPU and its decoder units, in percent, as "gpu" and "decoder", within
    the block; none without the package `nvidia-ml-py`."""
    shares |= {"gpu": [], "decoder": []}
    try:
        import pynvml
    except ImportError:
        yield
        return
    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)

    def look() -> None:
        shares["gpu"].append(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
        shares["decoder"].append(pynvml.nvmlDeviceGetDecoderUtilization(gpu)[0])

    with sampling(look, GPU_SECONDS):
        yield
