"""Engines that must be refused, with a sentence, and without the end of the process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from ..errors import VerificationError
from ..manifest import Engine, Manifest
from ..serving import Serving
from .outcome import FailedCheckError, Figures

NOISE = bytes(range(256)) * 4096
# Of the GPU's memory: what is left for the engine that must not find enough.
LEFT = 8 << 20


def damaged(content: bytes) -> dict[str, bytes]:
    """Plans that no runtime may load, made of one that it does."""
    return {
        "noise": NOISE,
        "a plan cut short": content[: len(content) // 2],
        "a plan of another version": content[:8] + bytes(255 - each for each in content[8:40]) + content[40:],
    }


def refused(serving: Serving, trt: ModuleType, content: bytes, engine: Engine, manifest: Manifest) -> Figures:
    """Load it. Raises FailedCheckError unless that fails with a reason."""
    try:
        with serving.open_engine(trt, content, engine, manifest):
            raise FailedCheckError("it was loaded")
    except VerificationError as error:
        if not str(error):
            raise FailedCheckError("it was refused without a reason") from error
        return {"said": str(error)[:200]}


def with_little_memory(load: Callable[[], Figures]) -> Figures:
    """`load`, which must be refused, while nearly all of the GPU's memory is taken."""
    with _memory_taken():
        return load()


@contextmanager
def _memory_taken() -> Iterator[None]:
    from pycuda import driver

    driver.init()
    context = driver.Device(0).retain_primary_context()
    context.push()
    try:
        taken = driver.mem_alloc(max(driver.mem_get_info()[0] - LEFT, 1))
        try:
            yield
        finally:
            taken.free()
    finally:
        context.pop()
        context.detach()
