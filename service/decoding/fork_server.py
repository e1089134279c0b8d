"""The process that decode children are forked from: what decodes is imported here once, so a child starts in
milliseconds.

It never touches a video itself. `python -m service.decoding.fork_server FD PARENT`: FD is a Unix sequenced-packet
socket; the messages on it are in `fork_messages`.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress

import cv2

from .child import run
from .fork_messages import MAX_PACKET, REQUESTS, UNCONFINED, Exited, Fork, Kill, Ready, Refused
from .messages import Job
from .sandbox.confinement import confine, missing
from .sandbox.privileges import leave_network
from .sandbox.process import die_with_parent, silence
from .sandbox.rlimits import address_space

PROBE_SECONDS = 10.0


class ForkServer:
    """Forks a child for each job, kills it when asked, and tells how it ended."""

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
            while self._handle_events(selector):
                pass
        finally:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)

    def _handle_events(self, selector: selectors.BaseSelector) -> bool:
        for key, _ in selector.select():
            if key.fileobj is self._wakeup:
                with suppress(BlockingIOError):
                    self._wakeup.recv(4096)
                self._reap()
            elif not self._handle_request():
                return False
        return True

    def _handle_request(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, MAX_PACKET, 1)
        if not packet:
            return False
        request = REQUESTS.validate_json(packet)
        if isinstance(request, Kill):
            for pid in [pid for pid, job in self._children.items() if job == request.number]:
                os.kill(pid, signal.SIGKILL)
            return True
        try:
            self._fork(request, descriptors)
        except OSError as error:
            self._tell(Refused(number=request.number, reason=error.strerror or str(error)))
        return True

    def _fork(self, request: Fork, descriptors: list[int]) -> None:
        """Raises OSError when the system has no process or descriptor left for a child."""
        if not descriptors:
            raise OSError("no descriptor is left for the child's connection")
        [descriptor] = descriptors
        try:
            server, space = os.getpid(), address_space()
            pid = os.fork()
        except OSError:
            os.close(descriptor)
            raise
        if pid:
            os.close(descriptor)
            self._children[pid] = request.number
            return
        status = 1
        try:
            self._become_child(server)
            status = _work(request.job, space, descriptor)
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
            self._tell(Exited(number=self._children.pop(pid), status=os.waitstatus_to_exitcode(status)))

    def _tell(self, message: Exited | Refused) -> None:
        self._control.send(message.model_dump_json().encode())


def _work(job: Job, space: int, descriptor: int) -> int:
    """The child: confine itself, then decode; its exit status."""
    try:
        upload = os.open(job.path, os.O_RDONLY)
        active = confine(space + job.memory_bytes, job.seconds)
    except OSError:
        return UNCONFINED
    if job.require_sandbox and missing(active):
        return UNCONFINED
    # The parent may want no more.
    with (
        os.fdopen(upload, "rb", buffering=0) as file,
        socket.socket(fileno=descriptor) as connection,
        suppress(ConnectionError),
    ):
        run(job, file, connection)
    return 0


def probe_sandbox() -> dict[str, bool]:
    """Which mechanisms a child can have here, found out by one. Raises OSError when it cannot be confined at all."""
    reading, writing = os.pipe()
    space = address_space()
    pid = os.fork()
    if not pid:
        try:
            active = confine(space + (64 << 20), PROBE_SECONDS)
            os.write(writing, json.dumps(active).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        written = answer.read()
    os.waitpid(pid, 0)
    if not written:
        raise OSError("the system refuses to confine a process")
    return dict(json.loads(written))


def main() -> None:
    """Entry point of the process."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    # Ctrl-C reaches the whole process group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sandbox = {"network_namespace": leave_network(), **probe_sandbox()}
    cv2.setNumThreads(1)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=descriptor)
    with suppress(ConnectionError):  # the parent may go at any time: that is the end, not a fault
        control.send(Ready(sandbox=sandbox).model_dump_json().encode())
        ForkServer(control).serve()


if __name__ == "__main__":
    main()
