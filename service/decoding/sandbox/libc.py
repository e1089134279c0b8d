"""System calls that Python has no function for."""

import ctypes
import os
from functools import cache

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def prctl(option: int, argument: int = 0, pointer: object = 0) -> None:
    """`prctl(2)`. Raises OSError."""
    rest = ctypes.byref(pointer) if isinstance(pointer, ctypes.Structure) else 0
    _check(_libc().prctl(option, ctypes.c_ulong(argument), rest, 0, 0))


def unshare(flags: int) -> None:
    """`unshare(2)`. Raises OSError."""
    _check(_libc().unshare(flags))


def syscall(number: int, *arguments: int | ctypes.Structure) -> int:
    """A system call by its number; integers and ctypes structures as arguments. Raises OSError."""
    passed = [ctypes.c_long(value) if isinstance(value, int) else ctypes.byref(value) for value in arguments]
    return _check(_libc().syscall(ctypes.c_long(number), *passed))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
