"""The end of a server and of the processes that it started."""

import subprocess

import psutil

STOP_SECONDS = 10


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end; what is left of it and its children after `STOP_SECONDS` is killed."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    process.terminate()
    for each in psutil.wait_procs(family, timeout=STOP_SECONDS)[1]:
        each.kill()
