"""The decode child's work: one file in, messages and clips out, over a socket."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2

from .clips import cut, resample
from .decode import DecodeError, Frame, Picture, Video
from .messages import LENGTHS, Clip, Ended, ErrorKind, Failed, Job, Opened


@dataclass
class Sender:
    """Writes messages; `waited` is the time spent doing so, most of it for the parent to take them."""

    connection: socket.socket
    waited: float = field(default=0.0)

    def send(self, message: Opened | Clip | Ended | Failed, frames: Picture | None = None) -> None:
        """One message and, for a clip, its frames (contiguous)."""
        started = time.monotonic()
        header = message.model_dump_json().encode()
        self.connection.sendall(LENGTHS.pack(len(header), 0 if frames is None else frames.nbytes) + header)
        if frames is not None:
            self.connection.sendall(frames.data.cast("B"))
        self.waited += time.monotonic() - started


def run(job: Job, connection: socket.socket) -> None:
    """Decode the job's file and send what it holds; every expected failure becomes a message."""
    sender = Sender(connection)
    try:
        _decode(job, sender)
    except DecodeError as error:
        sender.send(Failed(error=error.kind, detail=error.detail))
    except (MemoryError, cv2.error) as error:
        sender.send(_explain(error))


def _explain(error: Exception) -> Failed:
    no_memory = isinstance(error, MemoryError) or getattr(error, "code", 0) == cv2.Error.StsNoMem
    kind: ErrorKind = "memory" if no_memory else "undecodable"
    detail = "too much memory: decoding takes more than it may" if no_memory else "OpenCV cannot convert its frames"
    return Failed(error=kind, detail=detail)


def _decode(job: Job, sender: Sender) -> None:
    started = time.monotonic()
    video = Video(job)
    sender.send(video.opened)
    clips = 0
    for clip, frames in cut(_frames(job, video), job.frames, _frame_seconds(job, video), job.max_frames):
        sender.send(clip, frames)
        clips += 1
    if not video.frames_decoded:
        raise DecodeError("undecodable", "no frame could be decoded")
    if not clips:
        raise DecodeError("too-short", _too_short(job, video))
    sender.send(
        Ended(
            frames=video.frames_decoded,
            clips=clips,
            partial=video.partial,
            duration_seconds=video.seconds,
            busy_seconds=time.monotonic() - started - sender.waited,
        )
    )


def _frames(job: Job, video: Video) -> Iterator[Frame]:
    if job.frame_rate is None:
        return video.frames()
    return resample(video.frames(), job.frame_rate, video.opened.frame_rate)


def _frame_seconds(job: Job, video: Video) -> float:
    return 1 / (job.frame_rate or video.opened.frame_rate)


def _too_short(job: Job, video: Video) -> str:
    at_rate = f" at {job.frame_rate:g} frames/s" if job.frame_rate else ""
    return f"{video.frames_decoded} frames decoded; a clip takes {job.frames}{at_rate}"
