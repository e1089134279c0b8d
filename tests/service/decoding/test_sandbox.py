"""What a confined process can and cannot do, each tried by one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRIES = """
import ctypes, json, os, socket, sys, threading
from pathlib import Path
from service.fork_server import confine
from service.sandbox.limits import address_space
from tests.jobs import job_of

def thread():
    started = threading.Thread(target=lambda: None)
    started.start()
    started.join()

def native_fork():
    if ctypes.CDLL(None, use_errno=True).fork() < 0:
        raise OSError("no fork")

upload, other = Path(sys.argv[1]), Path(sys.argv[2])
parent = os.getppid()
held = socket.socketpair()
job = job_of(upload, memory_bytes=256 << 20)
confine(job, address_space() + job.memory_bytes)
tries = {
    "read the upload": lambda: upload.read_bytes(),
    "use an open socket": lambda: held[0].send(b"x"),
    "start a thread": thread,
    "take 100 MiB": lambda: bytearray(100 << 20),
    "take 300 MiB": lambda: bytearray(300 << 20),
    "write the upload": lambda: upload.open("ab"),
    "read another file": lambda: other.read_bytes(),
    "list its directory": lambda: os.listdir(other.parent),
    "make a file": lambda: (upload.parent / "new").touch(),
    "open a TCP socket": lambda: socket.socket(),
    "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
    "fork": os.fork,
    "fork natively": native_fork,
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "signal its parent": lambda: os.kill(parent, 0),
    "make a namespace": lambda: os.unshare(0x10000000) if hasattr(os, "unshare") else other.read_bytes(),
}
found = {}
for name, attempt in tries.items():
    try:
        attempt()
        found[name] = True
    except (OSError, MemoryError, RuntimeError):
        found[name] = False
os.write(held[0].fileno(), b"y")
print(json.dumps(found))
"""

ALLOWED = {"read the upload", "use an open socket", "start a thread", "take 100 MiB"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    upload, other = tmp_path / "upload", tmp_path / "other"
    upload.write_bytes(b"video")
    other.write_bytes(b"secret")
    return upload, other


def python(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_confined_process_can_decode_and_nothing_else(files: tuple[Path, Path]) -> None:
    done = python(TRIES, *files)
    assert done.returncode == 0, done.stderr
    found: dict[str, bool] = json.loads(done.stdout)
    assert {name for name, possible in found.items() if possible} == ALLOWED


def test_processor_time_is_limited(files: tuple[Path, Path]) -> None:
    script = """
import sys
from pathlib import Path
from service.sandbox.limits import address_space, limit
limit(address_space() + (256 << 20), 0.5)
while True: pass
"""
    assert python(script, *files).returncode == -24


def test_an_empty_network() -> None:
    script = """
import socket
from service.sandbox.privileges import leave_network
left = leave_network()
print(left, [name for _, name in socket.if_nameindex()])
"""
    done = python(script)
    left, names = done.stdout.split(maxsplit=1)
    assert left == "False" or names.strip() in ("['lo']", "[]")


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    script = """
import os, signal, sys, time
from service.sandbox.process import die_with_parent
pid = os.getpid()
if os.fork() == 0:
    die_with_parent(pid)
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(0.5)
os.kill(pid, signal.SIGKILL)
"""
    done = python(script)  # returns only when the grandchild, which holds the pipe, is gone
    assert done.returncode == -9
    assert int(done.stdout) > 0
