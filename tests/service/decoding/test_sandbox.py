"""What a confined process can and cannot do, each tried by one."""

import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.decoding.sandbox.confinement import confine
from service.decoding.sandbox.privileges import leave_network
from service.decoding.sandbox.process import die_with_parent
from service.decoding.sandbox.rlimits import address_space, limit

from ...support.processes import run_alone

CLONE_NEWUSER = 0x10000000
ALLOWED = {"read the open upload", "use an open socket", "start a thread", "take 100 MiB"}


def _start_thread() -> None:
    started = threading.Thread(target=lambda: None)
    started.start()
    started.join()


def _call_libc(name: str, *arguments: int) -> None:
    if ctypes.CDLL(None, use_errno=True)[name](*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _is_possible(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError, RuntimeError):
        return False
    return True


def confined_process(upload_name: str, other_name: str) -> None:
    """Confine this process, and print what it can do then."""
    upload, other = Path(upload_name), Path(other_name)
    parent = os.getppid()
    held = socket.socketpair()
    opened = upload.open("rb")
    space = address_space()
    active = confine()
    limit(space + (256 << 20), 60)
    tries: dict[str, Callable[[], object]] = {
        "read the open upload": opened.read,
        "open the upload again": upload.read_bytes,
        "use an open socket": lambda: held[0].send(b"x"),
        "start a thread": _start_thread,
        "take 100 MiB": lambda: bytearray(100 << 20),
        "take 300 MiB": lambda: bytearray(300 << 20),
        "write the upload": lambda: upload.open("ab"),
        "read another file": other.read_bytes,
        "list its directory": lambda: list(other.parent.iterdir()),
        "make a file": (upload.parent / "new").touch,
        "open a TCP socket": socket.socket,
        "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
        "fork": os.fork,
        "fork natively": lambda: _call_libc("fork"),
        "execute": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
        "signal its parent": lambda: os.kill(parent, 0),
        "make a namespace": lambda: _call_libc("unshare", CLONE_NEWUSER),
    }
    found = [name for name, attempt in tries.items() if _is_possible(attempt)]
    print(json.dumps({"active": active, "possible": found}))


def free_process(upload: str, other: str) -> None:
    """Make sure that this process could do it all, were it not confined."""
    Path(other).read_bytes()
    Path(upload).open("ab").close()
    socket.socket().close()
    bytearray(300 << 20)
    os.kill(os.getppid(), 0)
    if os.fork() == 0:
        os.execv("/bin/true", ["true"])  # noqa: S606
    print(os.waitstatus_to_exitcode(os.wait()[1]))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    upload, other = tmp_path / "upload", tmp_path / "other"
    upload.write_bytes(b"video")
    other.write_bytes(b"secret")
    return upload, other


def test_a_confined_process_can_decode_and_nothing_else(files: tuple[Path, Path]) -> None:
    free = run_alone(free_process, *files)
    assert (free.stdout, free.returncode) == ("0\n", 0), free.stderr
    done = run_alone(confined_process, *files)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["possible"]) == ALLOWED
    assert told["active"] == dict.fromkeys(("capabilities", "landlock", "seccomp"), True)


def endless_process() -> None:
    limit(address_space() + (256 << 20), 0.5)
    while True:
        pass


def test_processor_time_is_limited() -> None:
    assert run_alone(endless_process).returncode == -signal.SIGXCPU


def allows(*command: str) -> bool:
    """Whether a command succeeds; util-linux's `unshare` asks the kernel for what our function asks for."""
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


# In a user namespace that may have no network namespace: a system that refuses.
REFUSING = ("unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"', "-")
SYSTEMS: dict[str, tuple[str, ...]] = {"as it is here": (), "refusing": REFUSING}
if not allows(*REFUSING, "true"):  # then it refuses as it is
    del SYSTEMS["refusing"]


def print_interfaces() -> None:
    print(json.dumps([name for _, name in socket.if_nameindex()]))


def leaving_process(port: str) -> None:
    """Leave the network; print whether that was so, the interfaces, and what a listener on loopback is now."""
    left = leave_network()
    print(json.dumps(left))
    print_interfaces()
    with socket.socket() as connection:
        print(connection.connect_ex(("127.0.0.1", int(port))))


@pytest.mark.parametrize("through", SYSTEMS.values(), ids=SYSTEMS)
def test_the_network_is_left_wherever_the_system_allows_it(through: tuple[str, ...]) -> None:
    ways = [way for way in ("-n", "-Un") if allows(*through, "unshare", way, "true")]
    assert not (ways and through), "the system that refuses does not"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run_alone(leaving_process, listener.getsockname()[1], through=through)
    assert done.returncode == 0, done.stderr
    left, interfaces, error = map(json.loads, done.stdout.splitlines())
    empty = ("unshare", ways[0]) if ways else ()
    assert left is bool(ways)
    assert interfaces == json.loads(run_alone(print_interfaces, through=empty).stdout)
    assert error == (errno.ENETUNREACH if ways else 0)


def parent_process() -> None:
    """Fork a child that would outlive this process by far, and end once it has tied itself to it."""
    pid = os.getpid()
    reading, writing = os.pipe()
    if os.fork() == 0:
        die_with_parent(pid)
        print(os.getpid(), flush=True)
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    os.kill(pid, signal.SIGKILL)


def test_it_ends_with_its_parent() -> None:
    done = run_alone(parent_process, seconds=20)  # returns only when the grandchild, which holds the pipe, is gone
    assert done.returncode == -signal.SIGKILL
    assert int(done.stdout) > 0
