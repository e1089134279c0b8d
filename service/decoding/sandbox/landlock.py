"""Landlock: this process may open no file and no TCP port (kernel >= 5.13); what is open stays so.

Structures and numbers: https://docs.kernel.org/userspace-api/landlock.html (the same on every machine).
"""

import ctypes
import os

from .libc import syscall

CREATE_RULESET, RESTRICT_SELF = 444, 446
VERSION_FLAG = 1
# How many kinds of file access each version of the interface knows.
FILE_ACCESSES = {1: 13, 2: 14, 3: 15, 4: 15}
FILE_ACCESSES_LATER = 16
BIND_AND_CONNECT_TCP = 0b11
NETWORK_SINCE = 4


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


def open_nothing() -> bool:
    """Keep this process, for good, from opening any file; False where the kernel cannot.

    `no_new_privs` must be set. Raises OSError.
    """
    try:
        version = syscall(CREATE_RULESET, 0, 0, VERSION_FLAG)
    except OSError:
        return False
    network = BIND_AND_CONNECT_TCP if version >= NETWORK_SINCE else 0
    handled = _Ruleset((1 << FILE_ACCESSES.get(version, FILE_ACCESSES_LATER)) - 1, network)
    size = ctypes.sizeof(_Ruleset) if network else ctypes.sizeof(ctypes.c_uint64)
    ruleset = syscall(CREATE_RULESET, handled, size, 0)
    syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True
