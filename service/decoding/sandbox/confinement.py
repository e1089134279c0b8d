"""All the mechanisms together: what a decode child is left with, and which of them this system has."""

import platform
from collections.abc import Mapping

from .landlock import open_nothing
from .privileges import drop_privileges
from .seccomp import deny_syscalls

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
        "landlock": open_nothing(),
        "seccomp": deny_syscalls(machine),
    }


def missing(sandbox: Sandbox) -> str:
    """The mechanisms that are not active, in words; empty when all are."""
    return ", ".join(name.replace("_", " ") for name, active in sandbox.items() if not active)
