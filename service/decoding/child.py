"""The decode child's work: one file in, messages and clips out, over a socket."""

import os
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

import cv2

from engine_builder.manifest import Frames

from .errors import DecodeError
from .messages import (
    LENGTHS,
    NEWCOMER_ASKS,
    ClipChoice,
    ClipSpan,
    DecoderName,
    Ended,
    ErrorKind,
    Failed,
    Fallback,
    FallbackKind,
    Job,
    Message,
    Opened,
    Progress,
)
from .nvdec.errors import NvdecError
from .nvdec.link import Link
from .nvdec.video import NvdecVideo
from .run import DecodedVideo, Run
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


class Output:
    """The video's clips on their way to the parent: each is sent once, also where the video is decoded again."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._opened = False
        self._sent = self._passed = 0

    def open(self, opened: Opened) -> None:
        """What the video is."""
        self._passed = 0
        if not self._opened:
            self._parent.send(opened)
        self._opened = True

    def clip(self, span: ClipSpan, frames: Frames) -> None:
        """The next clip; returns when the parent asks for the one behind it."""
        self._passed += 1
        if self._passed > self._sent:
            self._parent.send(span, frames)
            self._parent.wait_until_asked()
            self._sent += 1


def run(job: Job, file: BinaryIO, connection: socket.socket, nvdec: socket.socket | None = None) -> None:
    """Decode `file`, the job's, and send what it holds, as asked; every expected failure becomes a message.

    `nvdec`: a connection to the process that drives NVDEC, to be used if it can decode the video; it is closed here.
    Raises BrokenPipeError or ConnectionResetError when the parent wants no more.
    """
    parent = Parent(connection)
    try:
        _decode(job, file, parent, nvdec)
    except DecodeError as error:
        parent.send(Failed(error=error.kind, detail=error.detail))
    except (MemoryError, cv2.error) as error:
        parent.send(_explain(error))


def _explain(error: Exception) -> Failed:
    no_memory = isinstance(error, MemoryError) or getattr(error, "code", 0) == cv2.Error.StsNoMem
    kind: ErrorKind = "memory" if no_memory else "undecodable"
    detail = "too much memory: decoding takes more than it may" if no_memory else "its frames cannot be converted"
    return Failed(error=kind, detail=detail)


def _decode(job: Job, file: BinaryIO, parent: Parent, nvdec: socket.socket | None) -> None:
    started = time.monotonic()
    parent.wait_until_asked()
    output = Output(parent)
    decoder: DecoderName = "cpu"
    fallback: FallbackKind | None = None
    run = None
    if nvdec is not None:
        try:
            with nvdec:
                run = _send_clips(job, partial(NvdecVideo, job, file, Link(nvdec)), parent, output)
            decoder = "nvdec"
        except NvdecError as error:
            fallback = error.kind
            parent.send(Fallback(reason=error.kind, detail=error.detail))
            parent.wait_until_asked()
    if run is None:
        run = _send_clips(job, partial(Video, job, file), parent, output)
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
            decoder=decoder,
            fallback=fallback,
        )
    )


def _send_clips(job: Job, open_video: Callable[[], DecodedVideo], parent: Parent, output: Output) -> Run:
    """All of the video's clips to the parent; the run that made them."""
    run = Run(job, open_video, parent.report)
    output.open(run.video.opened)
    for span, frames in run.clips():
        output.clip(span, frames)
    return run


def _too_short(job: Job, choice: ClipChoice, run: Run) -> str:
    at_rate = f" at {choice.frame_rate:g} frames/s" if choice.frame_rate else ""
    if job.start >= run.video.seconds > 0:
        return f"it ends after {run.video.seconds:.2f} s and was to start from {job.start:g} s"
    part = " between `start` and `end`" if job.start or job.end is not None else ""
    return f"{run.video.frames_decoded} frames decoded; a clip takes {job.frames}{at_rate}{part}"
