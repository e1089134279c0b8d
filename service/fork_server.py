"""The process that decode children are forked from: OpenCV is imported here once, so a child starts in milliseconds.

It never touches a video itself. `python -m service.fork_server FD PARENT`: FD is a Unix sequenced-packet socket.
Parent to server: {"job": n, "run": {...}} with the child's end of a stream socket attached, or {"kill": n}.
Server to parent: {"job": n, "status": s} when a child ended, s as in `subprocess` (negative: the signal).
"""

import gc
import json
import os
import platform
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2

from .decode_child import run
from .messages import Job
from .sandbox.files import only_read
from .sandbox.limits import address_space, limit
from .sandbox.privileges import drop_privileges, leave_network
from .sandbox.process import die_with_parent, silence
from .sandbox.syscalls import deny_syscalls

MAX_PACKET = 64 * 1024


class ForkServer:
    """Forks a child a job, kills it when asked, and tells how it ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._null = os.open(os.devnull, os.O_RDWR)
        self._children: dict[int, int] = {}  # process id -> job
        self._wakeup, self._wakeup_write = socket.socketpair()
        for end in (self._wakeup, self._wakeup_write):
            end.setblocking(False)

    def serve(self) -> None:
        """Until the parent closes the control socket."""
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(self._wakeup, selectors.EVENT_READ)
        try:
            while self._turn(selector):
                pass
        finally:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)

    def _turn(self, selector: selectors.BaseSelector) -> bool:
        for key, _ in selector.select():
            if key.fileobj is self._wakeup:
                with suppress(BlockingIOError):
                    self._wakeup.recv(4096)
                self._reap()
            elif not self._take_request():
                return False
        return True

    def _take_request(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, MAX_PACKET, 1)
        if not packet:
            return False
        request: dict[str, Any] = json.loads(packet)
        if "kill" in request:
            for pid in [pid for pid, job in self._children.items() if job == request["kill"]]:
                os.kill(pid, signal.SIGKILL)
        else:
            self._fork(request["job"], Job(**request["run"]), descriptors[0])
        return True

    def _fork(self, number: int, job: Job, descriptor: int) -> None:
        server, space = os.getpid(), address_space()
        pid = os.fork()
        if pid:
            os.close(descriptor)
            self._children[pid] = number
            return
        status = 1
        try:
            self._become_child(server)
            confine(job, space + job.memory_bytes)
            with socket.socket(fileno=descriptor) as connection:
                run(job, connection)
            status = 0
        except BrokenPipeError:
            status = 0  # the parent wants no more
        finally:
            os._exit(status)

    def _become_child(self, server: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(server)
        silence(self._null)
        for end in (self._control, self._wakeup, self._wakeup_write):
            end.close()

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            answer = {"job": self._children.pop(pid), "status": os.waitstatus_to_exitcode(status)}
            self._control.send(json.dumps(answer).encode())


def confine(job: Job, space: int) -> None:
    """Leave this process only what decoding one file takes, and `space` bytes. Raises OSError if the system refuses."""
    machine = platform.machine()
    limit(space, job.seconds)
    drop_privileges(machine)
    only_read(Path(job.path))
    deny_syscalls(machine)


def main() -> None:
    """Entry point of the process."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    # Ctrl-C reaches the whole process group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    networked = not leave_network()
    cv2.setNumThreads(1)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=descriptor)
    with suppress(ConnectionError):  # the parent may go at any time: that is the end, not a fault
        control.send(json.dumps({"networked": networked}).encode())
        ForkServer(control).serve()


if __name__ == "__main__":
    main()
