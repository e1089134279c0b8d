"""Landlock: this process may open no file but those named, and no TCP port (kernel >= 5.13); what is open stays so.

Structures and numbers: https://docs.kernel.org/userspace-api/landlock.html (the same on every machine).
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .libc import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
VERSION_FLAG = 1
# How many kinds of file access each version of the interface knows.
FILE_ACCESSES = {1: 13, 2: 14, 3: 15, 4: 15}
FILE_ACCESSES_LATER = 16
BIND_AND_CONNECT_TCP = 0b11
NETWORK_SINCE = 4
WRITE_FILE, READ_FILE, READ_DIR, IOCTL_DEV = 1 << 1, 1 << 2, 1 << 3, 1 << 15


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


@dataclass(frozen=True)
class Opens:
    """What may be opened: files and folders for reading, with what is in them; devices, for anything."""

    reads: Iterable[str] = ()
    devices: Iterable[str] = ()


def restrict_files(opens: Opens | None = None) -> bool:
    """Keep this thread and those it starts, for good, from opening any other file; False where the kernel cannot.

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
    opens = opens or Opens()
    for path in opens.reads:
        _allow(ruleset, path, READ_FILE | READ_DIR)
    for path in opens.devices:
        _allow(ruleset, path, (READ_FILE | WRITE_FILE | IOCTL_DEV) & handled.files)
    syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, access: int) -> None:
    if not Path(path).is_dir():
        access &= ~READ_DIR
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            syscall(ADD_RULE, ruleset, PATH_BENEATH, _PathBeneath(access, descriptor), 0)
        finally:
            os.close(descriptor)
