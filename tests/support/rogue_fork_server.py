"""The service's fork server, but its children and its system misbehave as the job's file name says.

Run in its place: `monkeypatch.setattr("service.decoding.fork_client.SERVER_MODULE", ROGUE)`.
"""

import errno
import os
import socket
import time
from pathlib import Path
from typing import BinaryIO

from service.decoding import child, fork_server, spare
from service.decoding.fork_messages import Fork
from service.decoding.messages import LENGTHS, ClipSpan, Job, Opened

ROGUE = "tests.support.rogue_fork_server"
FOREVER = 3600


def _send(connection: socket.socket, message: Opened | ClipSpan, frames: bytes = b"") -> None:
    header = message.model_dump_json().encode()
    connection.sendall(LENGTHS.pack(len(header), len(frames)) + header + frames)


def run(job: Job, file: BinaryIO, connection: socket.socket, nvdec: socket.socket | None = None) -> None:
    """Break the protocol and stay alive, or decode as usual."""
    name = Path(job.path).stem
    if name not in ("nonsense", "opens-twice", "clip-first", "hangs-up"):
        child.run(job, file, connection, nvdec)
        return
    connection.recv(1)
    opened = Opened(codec="h264", width=64, height=48, frame_rate=25)
    if name == "nonsense":
        connection.sendall(b"GET / HTTP/1.1\r\n" * 1000)
    elif name == "opens-twice":
        _send(connection, opened)
        _send(connection, opened)
    elif name == "clip-first":
        span = ClipSpan(index=0, start_frame=0, end_frame=32, start_seconds=0, end_seconds=1)
        _send(connection, span, bytes(job.clip_bytes))
    connection.shutdown(socket.SHUT_RDWR) if name == "hangs-up" else None
    time.sleep(FOREVER)


class RogueServer(fork_server.ForkServer):
    """Cannot fork for files of some names."""

    def _start(self, request: Fork, packet: bytes, descriptors: list[int]) -> None:
        name = Path(request.job.path).stem
        if name not in ("no-process", "no-descriptor"):
            super()._start(request, packet, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        if name == "no-process":
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        super()._start(request, packet, [])


if __name__ == "__main__":
    spare.run = run  # type: ignore[attr-defined]
    fork_server.ForkServer = RogueServer  # type: ignore[misc]
    fork_server.main()
