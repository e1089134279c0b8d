"""Capabilities and the network, given up for good."""

import ctypes
from contextlib import suppress

from .libc import PR_CAPBSET_DROP, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, prctl, syscall, unshare

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """Effective, permitted and inheritable sets, low and high halves: all empty."""

    _fields_ = (("bits", ctypes.c_uint32 * 6),)


def leave_network() -> bool:
    """Move to a network namespace with nothing in it; False where the system does not allow it.

    Call it while the process has one thread.
    """
    for flags in (CLONE_NEWNET, CLONE_NEWNET | CLONE_NEWUSER):
        with suppress(OSError):
            unshare(flags)
            return True
    return False


def drop_privileges(machine: str) -> bool:
    """No capability, now or after an exec; no core dump or tracing by others.

    False on a machine whose system call for capabilities is not known here. Raises OSError.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    for capability in range(LAST_CAPABILITY + 1):
        with suppress(OSError):  # without CAP_SETPCAP there is nothing to drop
            prctl(PR_CAPBSET_DROP, capability)
    if machine not in CAPSET:
        return False
    syscall(CAPSET[machine], _Header(CAPABILITY_VERSION, 0), _Sets())
    return True
