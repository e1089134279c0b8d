"""The client is for programs that have nothing else of this project."""

import json
import subprocess
import sys

SCRIPT = "import json, sys, r3d.client; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
OTHERS = {"service", "engine_builder", "numpy", "openvino", "onnx", "onnxruntime", "av", "cv2", "fastapi", "starlette"}


def test_the_client_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    modules = set(json.loads(done.stdout))
    assert {"r3d", "httpx", "pydantic"} <= modules
    assert OTHERS.isdisjoint(modules)
