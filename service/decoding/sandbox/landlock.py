"""Landlock: this process may read one file, and reach no other file and no TCP port (kernel >= 5.13).

Structures and numbers: https://docs.kernel.org/userspace-api/landlock.html (the same on every machine).
"""

import ctypes
import os
from pathlib import Path

from .libc import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
RULE_PATH_BENEATH = 1
READ_FILE = 1 << 2
# How many kinds of file access each version of the interface knows.
FILE_ACCESSES = {1: 13, 2: 14, 3: 15, 4: 15}
FILE_ACCESSES_LATER = 16
BIND_AND_CONNECT_TCP = 0b11
NETWORK_SINCE = 4


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def only_read(path: Path) -> bool:
    """Allow this process, for good, to open `path` for reading and nothing else; False where the kernel cannot.

    `no_new_privs` must be set. Raises OSError when `path` cannot be opened.
    """
    try:
        version = syscall(CREATE_RULESET, 0, 0, VERSION_FLAG)
    except OSError:
        return False
    network = BIND_AND_CONNECT_TCP if version >= NETWORK_SINCE else 0
    handled = _Ruleset((1 << FILE_ACCESSES.get(version, FILE_ACCESSES_LATER)) - 1, network)
    size = ctypes.sizeof(_Ruleset) if network else ctypes.sizeof(ctypes.c_uint64)
    ruleset = syscall(CREATE_RULESET, handled, size, 0)
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, _PathBeneath(READ_FILE, descriptor), 0)
    os.close(descriptor)
    syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True
