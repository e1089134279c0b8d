"""Processes: those that the code under test starts, and functions of tests run in one of their own."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from service.decoding.fork_server import NAME
from service.decoding.spare import WORKING

ROOT = Path(__file__).parents[2]


def new_processes() -> Callable[[], list[psutil.Process]]:
    """What gives the processes below this one that are there when it is called, and are not now."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [process for process in psutil.Process().children(recursive=True) if process not in before]


def new_fork_servers() -> Callable[[], list[psutil.Process]]:
    """The same for fork servers only; their children bear the name too until they take their own."""
    found = new_processes()

    def servers() -> list[psutil.Process]:
        named = [process for process in found() if process.name() == NAME]
        return [process for process in named if process.parent() not in named]

    return servers


def run_alone(
    function: Callable[..., object], *arguments: object, through: tuple[str, ...] = (), seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a function of a test's module in a Python of its own, started `through` a command if there is one.

    The arguments arrive as strings; standard output and error are kept.
    """
    code = f"import sys; from {function.__module__} import {function.__name__} as f; f(*sys.argv[1:])"
    command = [*through, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT)


def decoding_below(fork_server: psutil.Process) -> list[psutil.Process]:
    """Its children that have a video, without the one that waits for the next."""
    found = []
    for child in fork_server.children():
        with suppress(psutil.NoSuchProcess):
            if child.name() == WORKING:
                found.append(child)
    return found
