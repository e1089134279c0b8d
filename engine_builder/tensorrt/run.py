"""Run a TensorRT engine on the GPU, a batch at a time: for verification, not for speed."""

from typing import Any

import numpy as np

from ..errors import VerificationError
from ..manifest import INPUT, OUTPUT, ClipFormat, Frames, Probabilities


def run_engine(trt: Any, engine: bytes, clip: ClipFormat, classes: int, frames: Frames) -> Probabilities:
    """Probabilities [n, classes] of clips uint8 [n, T, H, W, 3], one at a time, on the first GPU.

    Raises VerificationError where there is no PyCUDA or GPU, or the engine does not run on it.
    """
    try:
        from pycuda import driver
    except ImportError as error:
        raise VerificationError("PyCUDA is missing: install the `gpu` extra") from error
    try:
        driver.init()
        context = driver.Device(0).retain_primary_context()
        context.push()
    except driver.Error as error:
        raise VerificationError(f"no GPU to verify the engine with ({error}); --no-verify leaves it out") from error
    try:
        return _run(trt, driver, engine, (1, clip.frames, clip.height, clip.width, 3), classes, frames)
    except driver.Error as error:
        raise VerificationError(f"the engine failed on this GPU: {error}") from error
    finally:
        context.pop()


def _run(trt: Any, driver: Any, engine: bytes, shape: tuple[int, ...], classes: int, frames: Frames) -> Probabilities:
    runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
    loaded = runtime.deserialize_cuda_engine(engine)
    if loaded is None:
        raise VerificationError("the engine cannot be loaded on this GPU")
    execution, stream = loaded.create_execution_context(), driver.Stream()
    found = np.full((len(frames), classes), np.nan, np.float32)
    source, target = driver.mem_alloc(int(np.prod(shape))), driver.mem_alloc(found[0].nbytes)
    execution.set_input_shape(INPUT, shape)
    execution.set_tensor_address(INPUT, int(source))
    execution.set_tensor_address(OUTPUT, int(target))
    for clip, row in zip(frames, found, strict=True):
        driver.memcpy_htod_async(source, np.ascontiguousarray(clip), stream)
        if not execution.execute_async_v3(stream.handle):
            raise VerificationError("the engine refused to run")
        driver.memcpy_dtoh_async(row, target, stream)
        stream.synchronize()
    return found
