"""Loading OpenVINO calls nobody: its telemetry would, and keep a process from ending while it waits for an answer."""

import subprocess
import sys

SCRIPT = """
import sys, threading
{first}
import openvino.tools.ovc
print("openvino_telemetry.main" in sys.modules, threading.active_count())
"""


def loaded(first: str) -> str:
    """Whether the telemetry is loaded, and how many threads there are, where no variable says that this is CI."""
    command = [sys.executable, "-c", SCRIPT.format(first=first)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env={}).stdout.strip()


def test_importing_the_backend_loads_no_telemetry() -> None:
    assert loaded("import service.inference.backends.openvino") == "False 1"


def test_openvino_alone_would() -> None:
    assert loaded("").startswith("True")
