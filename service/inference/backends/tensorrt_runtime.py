"""A serialised engine to one that runs: the only place that makes a TensorRT runtime."""

import ctypes
from dataclasses import dataclass
from typing import Any

from engine_builder.manifest import Engine

from ...errors import BackendLostError
from .tensorrt_log import log_of

# A message of TensorRT may be long, and there may be many.
SHOWN = 400


@dataclass
class LoadedEngine:
    """An engine, and what has to live as long as it."""

    engine: Any
    runtime: Any


def load_engine(trt: Any, content: bytes, entry: Engine) -> LoadedEngine:
    """Deserialise an engine with `trt` (module `tensorrt` or `tensorrt_rtx`), in the current CUDA context.

    `entry` is what the manifest says of it. Raises BackendLostError with TensorRT's reason.
    """
    log = log_of(trt)
    with log.listening() as errors:
        runtime = trt.Runtime(log.sink)
        if errors:
            # Without CUDA the module hands out a runtime that refers to nothing: any call of it, and its end, is the
            # end of the process. So it is kept for ever.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(runtime))
            raise BackendLostError(f"{trt.__name__} cannot start: {_words(errors)}")
        if entry.portable:
            # Such a plan brings the runtime of its own version, machine code of the host. Its hash was checked.
            runtime.engine_host_code_allowed = True
        engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        known = _validity(trt, runtime, content)
        raise BackendLostError(f"{trt.__name__} cannot load {entry.file}: {known or _words(errors)}")
    return LoadedEngine(engine, runtime)


def _words(errors: list[str]) -> str:
    return "; ".join(errors)[:SHOWN] or "its messages are in the log"


def _validity(trt: Any, runtime: Any, content: bytes) -> str:
    """What TensorRT-RTX has against an engine, in its own terms; empty where there is no such check."""
    if not hasattr(runtime, "get_engine_validity"):
        return ""
    _, found = runtime.get_engine_validity(content)
    kinds = trt.EngineInvalidityDiagnostics.__members__
    return ", ".join(name.replace("_", " ").lower() for name, kind in kinds.items() if found & int(kind))
