"""A server is ended with all that it started, also if it does not want to."""

import subprocess
import sys

import psutil
import pytest

from benchmarks.harness import processes

PARENT = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(child.pid, flush=True)
child.wait()
signal.pause()
"""


def test_what_does_not_end_is_killed_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.1)
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        processes.stop(parent)
    assert parent.returncode == -9
    # It is nobody's child now, and whoever collects it does so when it likes.
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_one_that_has_ended_already_is_no_fault() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        processes.stop(process)
    assert process.returncode == 0
