"""NVIDIA's own runtimes, which are installed here, without a GPU: that they refuse, and that the process lives on."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import {module} as trt
from service.errors import BackendLostError
from service.inference.backends.tensorrt_runtime import load_engine
from tests.support.fake_gpu_packages import engine
said = []
for content in (b"", b"x" * 100, bytes(1 << 20)):
    try:
        load_engine(trt, content, engine(portable={portable}))
    except BackendLostError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def refusals(module: str, portable: bool = False) -> list[str]:
    """What is said of three plans, in a process that ends as it should."""
    script = SCRIPT.format(module=module, portable=portable)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_tensorrt_11_without_cuda_does_not_end_the_process() -> None:
    """Its module hands out a runtime that refers to nothing: any call of it is a segmentation fault."""
    said = refusals("tensorrt_lean_bindings")
    assert len(said) == 3
    assert all("cannot start" in each and "CUDA initialization failure" in each for each in said)


@pytest.mark.parametrize("portable", [False, True])
def test_tensorrt_rtx_says_what_is_wrong_with_a_plan(portable: bool) -> None:
    said = refusals("tensorrt_rtx", portable)
    assert said == ["tensorrt_rtx cannot load model.fp16.engine: malformed engine"] * 3


def test_the_calls_made_exist_in_tensorrt_11_and_tensorrt_rtx() -> None:
    """The names, against NVIDIA's modules."""
    script = """
import json, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import tensorrt_lean_bindings, tensorrt_rtx
names = {
    "Runtime": ["deserialize_cuda_engine", "engine_host_code_allowed"],
    "ICudaEngine": ["create_execution_context", "create_engine_inspector", "device_memory_size_v2",
                    "get_tensor_shape", "create_runtime_config"],
    "IExecutionContext": ["set_input_shape", "set_tensor_address", "execute_async_v3", "set_device_memory",
                          "update_device_memory_size_for_shapes"],
    "IRuntimeConfig": ["set_execution_context_allocation_strategy"],
    "ExecutionContextAllocationStrategy": ["USER_MANAGED"],
    "LayerInformationFormat": ["JSON"],
    "ILogger": ["log"],
}
rtx = {"Runtime": ["get_engine_validity"], "EngineInvalidityDiagnostics": ["UNSUPPORTED_CC"],
       "IRuntimeConfig": ["create_runtime_cache", "set_runtime_cache"], "IRuntimeCache": ["serialize", "deserialize"]}
def missing(module, wanted):
    return [f"{kind}.{name}" for kind in wanted for name in wanted[kind]
            if not hasattr(getattr(module, kind, None), name)]
severities = [int(getattr(tensorrt_lean_bindings.ILogger, name)) for name in
              ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")]
print(json.dumps([missing(tensorrt_lean_bindings, names), missing(tensorrt_rtx, names), missing(tensorrt_rtx, rtx),
                  severities, tensorrt_lean_bindings.IExecutionContext.set_device_memory.__doc__]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    lean, rtx, rtx_only, severities, documented = json.loads(done.stdout)
    assert (lean, rtx, rtx_only) == ([], [], [])
    assert severities == [0, 1, 2, 3, 4]
    assert "size" in documented
