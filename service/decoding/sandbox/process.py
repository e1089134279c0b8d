"""The child's ties to its parent and to the terminal."""

import ctypes
import os
import signal

from .libc import PR_SET_NAME, PR_SET_PDEATHSIG, prctl

NAME_BYTES = 16


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends.

    `parent` is the parent's process id as known before, in case it ended already.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def silence(null: int) -> None:
    """Point standard input, output and error at `null`, an open /dev/null: FFmpeg writes its log to them."""
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def call_it(name: str) -> None:
    """Give this process the name that `ps` and `top` show, at most 15 characters."""
    pointed_at = ctypes.create_string_buffer(name.encode(), NAME_BYTES)
    prctl(PR_SET_NAME, ctypes.addressof(pointed_at))
