"""The installed programs, run as a user runs them."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import psutil

from .client import Client
from .processes import decoding_below
from .waiting import eventually

STOP_SECONDS = 15.0

# Calls a program's entry point in this process: exit status, standard output and error.
Call = Callable[..., tuple[object, str, str]]


def program(name: str) -> str:
    """The path of a program that is installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


def finished(name: str, *arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    command, variables = [program(name), *arguments], os.environ | environment
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=variables)


def json_lines(path: Path) -> list[dict[str, Any]]:
    """A results file's records."""
    return [json.loads(line) for line in path.read_text().splitlines()]


class Served(Client):
    """A process of `r3d-serve`; `log` is what it has written to standard error."""

    def __init__(self, process: "subprocess.Popen[bytes]", stderr: TextIO) -> None:
        self.process = process
        self.log: list[str] = []
        self._stderr = stderr
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def connect(self) -> None:
        """Wait until it listens."""
        super().__init__(eventually(self._address, seconds=30))

    def _read(self) -> None:
        try:
            for line in self._stderr:
                self.log.append(line)
        except OSError:  # how a terminal ends
            pass

    def _address(self) -> str | None:
        found = re.search(r"http://[\d.:]+", "".join(self.log))
        if found is None and self.process.poll() is not None:
            raise AssertionError(f"r3d-serve ended with {self.process.returncode}: {self.log}")
        return found and found[0]

    def decoders(self) -> list[psutil.Process]:
        """Its decode children."""
        [fork_server] = psutil.Process(self.process.pid).children()
        return decoding_below(fork_server)

    def stop(self) -> int:
        """SIGTERM; its exit status once it has ended and all of its log is here."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit status once it has ended and all of its log is here."""
        status = self.process.wait(seconds)
        self._reader.join(STOP_SECONDS)
        return status


@contextmanager
def serving(
    *arguments: str, executable: str = "", cwd: Path | None = None, terminal: bool = False, **environment: str
) -> Iterator[Served]:
    """`r3d-serve` on a free port, its log in a pipe or on a `terminal`; killed at the end unless it has ended.

    `executable` is another than that beside this Python.
    """
    reading, writing = pty.openpty() if terminal else os.pipe()
    command = [executable or program("r3d-serve"), "--port", "0", *arguments]
    with (
        os.fdopen(reading) as stderr,
        subprocess.Popen(command, stderr=writing, env=os.environ | environment, cwd=cwd) as process,
    ):
        os.close(writing)
        served = Served(process, stderr)
        try:
            served.connect()
            yield served
            served.close()
        finally:
            process.kill()
            served.wait()
