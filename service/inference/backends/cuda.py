"""A GPU's primary context in a thread, by PyCUDA.

TensorRT works in the *primary* context, so that is the one to retain and push; `pycuda.autoinit` and `make_context`
would make another.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pycuda import driver

from ...errors import BackendLostError

# CU_STREAM_NON_BLOCKING, for which PyCUDA has no name: no wait for work on the default stream, which is others'.
NON_BLOCKING = 1


@contextmanager
def primary_context(number: int) -> Iterator[Any]:
    """The GPU's device, whose primary context is this thread's until the end of the block.

    PyCUDA ends the process with SIGABRT if a thread ends and has left a context on its stack. What was allocated in the
    block must be gone before its end. Raises BackendLostError when the GPU cannot be used.
    """
    try:
        driver.init()
        gpu = driver.Device(number)
        context = gpu.retain_primary_context()
        context.push()
    except driver.Error as error:
        raise BackendLostError(f"GPU {number} cannot be used: {error}") from error
    try:
        yield gpu
    finally:
        try:
            context.pop()
        finally:
            context.detach()  # also takes it off the stack where `pop` could not


def blocking_event() -> Any:
    """An event to wait for asleep; waiting for a stream would spin on a core."""
    flags = driver.event_flags
    return driver.Event(int(flags.BLOCKING_SYNC) | int(flags.DISABLE_TIMING))


def forget_frames(error: BaseException | None) -> None:
    """Let go of what an exception's frames hold, such as memory in a context that is about to go."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
