"""Processes: those that the code under test starts, and functions of tests run in one of their own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


def new_processes() -> Callable[[], list[psutil.Process]]:
    """What gives the processes below this one that are there when it is called, and are not now."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [process for process in psutil.Process().children(recursive=True) if process not in before]


def run_alone(
    function: Callable[..., object], *arguments: object, through: tuple[str, ...] = (), seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a function of a test's module in a Python of its own, started `through` a command if there is one.

    The arguments arrive as strings; standard output and error are kept.
    """
    code = f"import sys; from {function.__module__} import {function.__name__} as f; f(*sys.argv[1:])"
    command = [*through, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT)
