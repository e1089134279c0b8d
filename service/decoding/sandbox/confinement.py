"""All the mechanisms together: what a decode child is left with, and which of them this system has."""

import platform
from collections.abc import Mapping
from pathlib import Path

from .landlock import Opens, restrict_files
from .privileges import drop_privileges
from .seccomp import deny_syscalls

# Of the rest of /proc, what other processes were started with could be read.
DRIVER_READS = ("/proc/self", "/proc/driver", "/proc/devices", "/proc/modules", "/sys/devices", "/sys/bus/pci")
# Mechanism -> whether it is active, by the names that `/health` and `/metrics` use.
Sandbox = Mapping[str, bool]


def confine() -> dict[str, bool]:
    """Leave this process, for good, only what decoding a file that it has open takes; which mechanisms are active.

    The network is left before (`privileges.leave_network`), memory and time are limited for each job
    (`rlimits.limit`). Raises OSError when the system refuses a mechanism that it has.
    """
    machine = platform.machine()
    return {
        "capabilities": drop_privileges(machine),
        "landlock": restrict_files(),
        "seccomp": deny_syscalls(machine),
    }


def confine_driver() -> dict[str, bool]:
    """Leave this process, for good, only what NVIDIA's driver takes, once it is loaded; which mechanisms are active.

    Threads that the driver started before are kept from system calls, not from files; those that are started from here
    on, from both. Raises OSError when the system refuses a mechanism that it has.
    """
    machine = platform.machine()
    opens = Opens(reads=DRIVER_READS, devices=[str(each) for each in Path("/dev").glob("nvidia*")])
    return {
        "capabilities": drop_privileges(machine),
        "landlock": restrict_files(opens),
        "seccomp": deny_syscalls(machine, every_thread=True),
    }


def missing(sandbox: Sandbox) -> str:
    """The mechanisms that are not active, in words; empty when all are."""
    return ", ".join(name.replace("_", " ") for name, active in sandbox.items() if not active)
