"""What is left to a process that drives a GPU: its devices, no other file, no network, no other program."""

import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from service.decoding.sandbox import confinement
from service.decoding.sandbox.landlock import Opens

from ...support.processes import run_alone

ALLOWED = {"read a file of its own in /proc", "use an open socket", "start a thread"}


def confined_process(secret_name: str) -> None:
    """Confine this process, with a thread that was there before, and print what it, and that thread, can do."""
    may_try, tried = threading.Event(), threading.Event()
    before: list[str] = []
    held, _ = pair = socket.socketpair()

    def older() -> None:
        may_try.wait()
        before.extend(name for name in ("open a socket", "run a program") if _can(name, secret_name, held))
        tried.set()

    threading.Thread(target=older, daemon=True).start()
    active = confinement.confine_driver()
    assert all(active.values()), active
    names = (*ALLOWED, "open another file", "read another process's environment", "open a socket", "run a program")
    print("new:", *sorted(name for name in names if _can(name, secret_name, held)), sep="\n")
    may_try.set()
    tried.wait(10)
    print("older:", *sorted(before), sep="\n", flush=True)
    for each in pair:
        each.close()
    os._exit(0)


def _can(what: str, secret_name: str, held: socket.socket) -> bool:
    parent = os.getppid()
    tries: dict[str, Callable[[], object]] = {
        "read a file of its own in /proc": lambda: Path(f"/proc/{os.getpid()}/maps").read_bytes(),
        "use an open socket": lambda: held.send(b"x"),
        "start a thread": lambda: threading.Thread(target=int).start(),
        "open another file": lambda: Path(secret_name).read_bytes(),
        "read another process's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "open a socket": lambda: socket.socket().close(),
        "run a program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    }
    try:
        tries[what]()
    except PermissionError:
        return False
    return True


def test_only_what_the_driver_takes(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    done = run_alone(confined_process, secret)
    assert done.returncode == 0, done.stderr
    new, older = done.stdout.split("older:")
    assert set(new.splitlines()) == {"new:", *ALLOWED}
    # Started before, as the driver's own threads are: system calls are refused to them too.
    assert older.split() == []


def test_files_are_named_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("folder/in", "named", "other"):
        (tmp_path / name).write_text(name)
    done = run_alone(opens_some, tmp_path)
    assert done.stdout.split() == ["folder/in", "named"], done.stderr


def opens_some(folder_name: str) -> None:
    """Print which files can be read, and fail if one can be written."""
    from service.decoding.sandbox.landlock import restrict_files
    from service.decoding.sandbox.privileges import drop_privileges

    folder = Path(folder_name)
    drop_privileges(platform.machine())
    assert restrict_files(Opens(reads=(str(folder / "folder"), str(folder / "named"), str(folder / "missing"))))
    for name in ("folder/in", "named", "other"):
        try:
            print((folder / name).read_text())
        except PermissionError:
            continue
        try:
            (folder / name).write_text("")
        except PermissionError:
            continue
        raise AssertionError(name)
