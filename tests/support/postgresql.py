"""A PostgreSQL server of a test run's own, in a private directory, listening on a socket in it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .waiting import eventually

# Debian's are not on PATH.
FOLDERS = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")
USER = "r3d"


def binaries() -> Path | None:
    """The folder of the server's programs, if they are installed."""
    for folder in FOLDERS:
        if Path(folder, "initdb").exists():
            return Path(folder)
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class Postgresql:
    """Started by `start`, which may be called again after `stop`."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self.directory = directory
        # It refuses to run as root.
        self._as = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(directory, "nobody", pwd.getpwnam("nobody").pw_gid)
        self._data = directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._programs / program, *arguments]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, **self._as)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.directory}", "-c", "fsync=off")
        command = [self._programs / "postgres", "-D", str(self._data), *options]
        log = (self.directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log, **self._as)  # type: ignore[call-overload]
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self.directory), "-U", USER]
        eventually(lambda: subprocess.run(ready).returncode == 0, 30)

    def stop(self) -> None:
        """As it would when its machine is shut down: connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def database(self) -> str:
        """The URL of a new database."""
        self._databases += 1
        name = f"jobs_{self._databases}"
        self._run("createdb", "-h", str(self.directory), "-U", USER, name)
        return f"postgresql://{USER}@/{name}?host={self.directory}"


@contextmanager
def running(programs: Path) -> Iterator[Postgresql]:
    """A server, running until the block is left."""
    # Not below the directory of the test run, which only root can enter where root runs the tests.
    directory = Path(tempfile.mkdtemp(prefix="r3d-postgresql-", dir="/tmp"))
    try:
        server = Postgresql(programs, directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
