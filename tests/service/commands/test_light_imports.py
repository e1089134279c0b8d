"""`r3d-classify` needs no web server: what one is made of is not even imported, and untrusted bytes meet no C code."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "fastapi",
    "starlette",
    "uvicorn",
    "prometheus_client",
    "av",
    "cv2",
    "opentelemetry",
    "ray",
    "onnx",
    "engine_builder.build",
}

SCRIPT = """
import json, sys
from service.commands.classify import main
try:
    main()
except SystemExit as end:
    print(json.dumps({"status": end.code, "modules": sorted(sys.modules)}))
"""


def test_classifying_a_video_imports_no_web_server(model_directory: Path, video: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, "--json", "--model", str(model_directory), str(video)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    answer, told = map(json.loads, done.stdout.splitlines())
    assert len(answer["clips"]) == 2
    assert told["status"] == 0
    assert "service.classification.classifier" in told["modules"]
    assert HEAVY.isdisjoint(told["modules"])
