"""Processes of ours that are another program: started with one end of a socket, they die with their parent."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping


def spawn(
    module: str, environment: Mapping[str, str], *arguments: str
) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """`python -m MODULE FD PARENT ARGUMENTS`, and our end, non-blocking, of the packet socket FD. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with theirs:
        try:
            # Not through asyncio, and in this thread: the process dies with the thread that started it.
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
            )
        except OSError:
            ours.close()
            raise
    return process, ours
