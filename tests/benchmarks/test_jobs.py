"""How a server is kept from taking part."""

import subprocess
import sys

import psutil

from benchmarks.jobs import stopped
from tests.support.waiting import eventually

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"


def test_a_server_that_is_stopped_stands_still_with_all_its_processes() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as process:
        server = psutil.Process(process.pid)
        family = [server, *eventually(server.children)]
        with stopped(server):
            eventually(lambda: [each.status() for each in family] == [psutil.STATUS_STOPPED] * 2)
        eventually(lambda: psutil.STATUS_STOPPED not in [each.status() for each in family])
        process.communicate(b"\n")
    assert process.returncode == 0
