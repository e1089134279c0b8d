"""The process that decode children are forked from: what decodes is imported here once, so a child
starts in milliseconds; and where nothing is decoded, one is ready before its video comes.

It never touches a client's video itself. `python -m service.decoding.fork_server FD PARENT`: FD is a Unix
sequenced-packet socket; the messages on it are in `fork_messages`.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import cv2

from .fork_messages import MAX_DESCRIPTORS, MAX_PACKET, REQUESTS, Exited, Fork, Kill, Ready, Refused
from .sandbox.confinement import confine
from .sandbox.privileges import leave_network
from .sandbox.process import call_it, die_with_parent, silence
from .sandbox.rlimits import address_space, limit
from .spare import Spare, fork_spare
from .warm_up import make_video

PROBE_SECONDS = 10.0
# As `ps` and `top` show it.
NAME = "r3d-forks"


class ForkServer:
    """Forks a child for each job, kills it when asked, and tells how it ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._null = os.open(os.devnull, os.O_RDWR)
        self._children: dict[int, int] = {}  # process id -> job
        self._video = make_video()
        self._spare: Spare | None = None
        self._wanted = True  # a spare
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
            signal.set_wakeup_fd(-1)  # the ends of the children that are killed now are told to nobody
            if self._spare is not None:
                self._spare.connection.close()  # it ends by itself
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)

    def _handle_events(self, selector: selectors.BaseSelector) -> bool:
        events = selector.select(0 if self._wanted else None)
        if not events:
            self._fork_ahead()
        for key, _ in events:
            if key.fileobj is self._wakeup:
                with suppress(BlockingIOError):
                    self._wakeup.recv(4096)
                self._reap()
            elif not self._handle_request():
                return False
        return True

    def _handle_request(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, MAX_PACKET, MAX_DESCRIPTORS)
        if not packet:
            return False
        request = REQUESTS.validate_json(packet)
        if isinstance(request, Kill):
            for pid in [pid for pid, job in self._children.items() if job == request.number]:
                os.kill(pid, signal.SIGKILL)
            return True
        try:
            self._start(request, packet, descriptors)
        except OSError as error:
            self._tell(Refused(number=request.number, reason=error.strerror or str(error)))
        return True

    def _start(self, request: Fork, packet: bytes, descriptors: list[int]) -> None:
        """Give the job to the spare, or to a new child if there is none or the system killed it.

        Raises OSError when the system has no process or descriptor left for it.
        """
        try:
            if len(descriptors) < request.descriptors:
                raise OSError("no descriptor is left for the child's connection")
            child, self._spare = self._spare, None
            if child is None or not child.take(packet, descriptors):
                child = self._fork(descriptors)
                if not child.take(packet, descriptors):
                    raise OSError("it ended at once")
            self._children[child.pid] = request.number
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, descriptors: Sequence[int] = (), video: bytes | None = None) -> Spare:
        """A child that warms up with `video` and has none of `descriptors`, which are a job's. Raises OSError."""
        server = os.getpid()
        return fork_spare(lambda: self._become_child(server, descriptors), video)

    def _fork_ahead(self) -> None:
        self._wanted = False
        with suppress(OSError):  # the next job tries again, and tells
            self._spare = self._fork(video=self._video)

    def _become_child(self, server: int, descriptors: Sequence[int]) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(server)
        silence(self._null)
        for end in (self._control, self._wakeup, self._wakeup_write):
            end.close()
        # It is sent them like every other child: with a second one of each it could end no connection.
        for descriptor in descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        with suppress(ChildProcessError):  # there is none left
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        if self._spare is not None and self._spare.pid == pid:
            self._spare.connection.close()
            self._spare = None
        elif pid in self._children:
            self._tell(Exited(number=self._children.pop(pid), status=os.waitstatus_to_exitcode(status)))
            # Not while others decode: forking and warming up would take from their time what it saves the next.
            self._wanted = self._spare is None and not self._children

    def _tell(self, message: Exited | Refused) -> None:
        self._control.send(message.model_dump_json().encode())


def probe_sandbox() -> dict[str, bool]:
    """Which mechanisms a child can have here, found out by one. Raises OSError when it cannot be confined at all."""
    reading, writing = os.pipe()
    space = address_space()
    pid = os.fork()
    if not pid:
        try:
            active = {"rlimits": True, **confine()}
            limit(space + (64 << 20), PROBE_SECONDS)
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
    call_it(NAME)
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
