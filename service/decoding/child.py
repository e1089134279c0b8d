"""The decode child's work: one file in, messages and clips out, over a socket."""

import os
import socket
import time
from typing import BinaryIO

import cv2

from engine_builder.manifest import Frames

from .errors import DecodeError
from .messages import LENGTHS, NEWCOMER_ASKS, ClipChoice, Ended, ErrorKind, Failed, Job, Message, Progress
from .run import Run
from .sampling import check_rate
from .video import Video

PROGRESS_SECONDS = 1.0
# A video that is no newcomer leaves the processor to those that are, as it does the decode slots. Beside four long
# videos on two cores (an AMD EPYC) a short one took 3.4 times as long as alone without it, 2.8 with 5, 2.5 with 10.
STEP_BACK = 10


class Parent:
    """The parent as the child sees it; `waited` is the time spent until it asked, and took what it asked for."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._heard = time.monotonic()
        self._asked = 0
        self.waited = 0.0

    def wait_until_asked(self) -> None:
        """Returns when the parent asks for a clip. Raises BrokenPipeError when it wants no more."""
        started = time.monotonic()
        if not self._connection.recv(1):
            raise BrokenPipeError
        self._asked += 1
        if self._asked == NEWCOMER_ASKS + 1:
            os.nice(STEP_BACK)
        self._heard = time.monotonic()
        self.waited += self._heard - started

    def report(self, frames: int) -> None:
        """Say that the work goes on, if nothing was said for a second."""
        if time.monotonic() - self._heard > PROGRESS_SECONDS:
            self.send(Progress(frames=frames))

    def send(self, message: Message, frames: Frames | None = None) -> None:
        """One message and, for a clip, its frames (contiguous)."""
        started = time.monotonic()
        header = message.model_dump_json().encode()
        self._connection.sendall(LENGTHS.pack(len(header), 0 if frames is None else frames.nbytes) + header)
        if frames is not None:
            self._connection.sendall(frames.data.cast("B"))
        self._heard = time.monotonic()
        self.waited += self._heard - started


def run(job: Job, file: BinaryIO, connection: socket.socket) -> None:
    """Decode `file`, the job's, and send what it holds, as asked; every expected failure becomes a message.

    Raises BrokenPipeError or ConnectionResetError when the parent wants no more.
    """
    parent = Parent(connection)
    try:
        _decode(job, file, parent)
    except DecodeError as error:
        parent.send(Failed(error=error.kind, detail=error.detail))
    except (MemoryError, cv2.error) as error:
        parent.send(_explain(error))


def _explain(error: Exception) -> Failed:
    no_memory = isinstance(error, MemoryError) or getattr(error, "code", 0) == cv2.Error.StsNoMem
    kind: ErrorKind = "memory" if no_memory else "undecodable"
    detail = "too much memory: decoding takes more than it may" if no_memory else "its frames cannot be converted"
    return Failed(error=kind, detail=detail)


def _decode(job: Job, file: BinaryIO, parent: Parent) -> None:
    started = time.monotonic()
    parent.wait_until_asked()
    video = Video(job, file)
    for choice in job.samplings:
        if choice.frame_rate is not None:
            check_rate(choice.frame_rate, video.opened.frame_rate)
    parent.send(video.opened)
    run = Run(job, file, video, parent.report)
    for span, frames in run.clips():
        parent.send(span, frames)
        parent.wait_until_asked()
    if empty := [sampler.choice for sampler in run.samplers if not sampler.cutter.clips]:
        raise DecodeError("too-short", _too_short(job, empty[0], run))
    parent.send(
        Ended(
            frames=run.video.frames_decoded,
            clips=sum(sampler.cutter.clips for sampler in run.samplers),
            repeated=sum(sampler.cutter.repeated for sampler in run.samplers),
            partial=run.video.partial,
            duration_seconds=run.video.seconds,
            busy_seconds=max(0.0, time.monotonic() - started - parent.waited),
        )
    )


def _too_short(job: Job, choice: ClipChoice, run: Run) -> str:
    at_rate = f" at {choice.frame_rate:g} frames/s" if choice.frame_rate else ""
    return f"{run.video.frames_decoded} frames decoded; a clip takes {job.frames}{at_rate}"
