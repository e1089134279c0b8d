"""A child forked ahead of need: warm and confined, it waits for a job.

What a process costs before its first frame, some ten milliseconds, is then over when a video comes.
"""

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from .child import run
from .fork_messages import MAX_DESCRIPTORS, MAX_PACKET, UNCONFINED, Fork
from .sandbox.confinement import confine, missing
from .sandbox.process import call_it
from .sandbox.rlimits import address_space, limit
from .warm_up import warm_up

# As `ps` and `top` show them.
WAITING, WORKING = "r3d-spare", "r3d-decode"


@dataclass(frozen=True)
class Spare:
    """A child that waits at the other end of `connection`."""

    pid: int
    connection: socket.socket

    def take(self, packet: bytes, descriptors: Sequence[int]) -> bool:
        """Give it its job, a `Fork`; whether it was still there to take it."""
        with self.connection:
            try:
                socket.send_fds(self.connection, [packet], descriptors)
            except ConnectionError:
                return False
        return True


def fork_spare(leave_server: Callable[[], None], video: bytes | None) -> Spare:
    """`leave_server` is called in the child first; `video` is for it to warm up with, if there is time.

    Raises OSError when the system has no process or descriptor left.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid:
        theirs.close()
        return Spare(pid, ours)
    status = 1
    try:
        ours.close()
        leave_server()
        status = _live(theirs, video)
    finally:
        os._exit(status)


def _live(connection: socket.socket, video: bytes | None) -> int:
    """The child: wait for the job, then do it; its exit status."""
    call_it(WAITING)
    if video is not None:
        warm_up(video)
    space = address_space()
    try:
        active = confine()
    except OSError:
        return UNCONFINED
    with connection:
        packet, descriptors, _, _ = socket.recv_fds(connection, MAX_PACKET, MAX_DESCRIPTORS)
    if not packet:
        return 0
    call_it(WORKING)
    job = Fork.model_validate_json(packet).job
    try:
        limit(space + job.memory_bytes, job.seconds)
    except OSError:
        return UNCONFINED
    if job.require_sandbox and missing(active):
        return UNCONFINED
    parent, upload, *nvdec = descriptors
    # The parent may want no more.
    with (
        os.fdopen(upload, "rb", buffering=0) as file,
        socket.socket(fileno=parent) as connection,
        suppress(ConnectionError),
    ):
        run(job, file, connection, *(socket.socket(fileno=each) for each in nvdec))
    return 0
