"""A video file to frames, with OpenCV. Runs in the decode child only: it meets untrusted bytes.

OpenCV cannot tell the end of a file from damage, so a failed read is tried again; containers lie about the number of
frames, so frames are counted as they come.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from .formats import CODECS, HEAD_BYTES, container_of, describe
from .messages import ErrorKind, Job, Opened

Picture = npt.NDArray[np.uint8]

# After damage more frames may follow; this many failed reads in a row are the end.
READ_ATTEMPTS = 64
# FFmpeg's own assumption for streams that do not say.
USUAL_FRAME_RATE = 25.0
MAX_FRAME_RATE = 1000.0
# Half the rounding error of INTER_LINEAR against torchvision's resize, which shows in r2plus1d_18's probabilities
# (0.005 instead of 0.021 at most on real footage); it costs 0.1 ms more per frame.
RESIZE = cv2.INTER_LINEAR_EXACT


class DecodeError(Exception):
    """The video cannot be decoded; `kind` says why in one word."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True)
class Frame:
    """A decoded frame made ready: its number, its time, and its crop, uint8 [H, W, 3] RGB."""

    index: int
    seconds: float
    picture: Picture


class Video:
    """An open video file. Raises DecodeError when it is none, or one that is not supported."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._deadline = time.process_time() + job.seconds
        _check_container(Path(job.path))
        parameters = [cv2.CAP_PROP_N_THREADS, job.threads]
        self._capture = cv2.VideoCapture(job.path, cv2.CAP_FFMPEG, parameters)
        if not self._capture.isOpened():
            raise DecodeError("undecodable", "the container holds no video stream that can be opened")
        self.opened = self._describe()
        self.frames_decoded = 0
        self.partial = False
        self.seconds = 0.0

    def _describe(self) -> Opened:
        fourcc = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        tag = fourcc.to_bytes(4, "little").decode("ascii", "replace")
        if tag not in CODECS:
            raise DecodeError("unsupported", f"codec {tag!r} is not one of {', '.join(CODECS.values())}")
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._check_size(width, height)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        usual = rate if math.isfinite(rate) and 0 < rate <= MAX_FRAME_RATE else USUAL_FRAME_RATE
        return Opened(codec=CODECS[tag], width=width, height=height, frame_rate=usual)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._job.max_frame_pixels:
            raise DecodeError(
                "frames-too-large",
                f"frames of {width} x {height} pixels; at most {self._job.max_frame_pixels} pixels are accepted",
            )

    def frames(self) -> Iterator[Frame]:
        """Every frame that can be decoded, in order. Raises DecodeError past the limits."""
        buffer: Picture | None = None
        failures = 0
        while failures < READ_ATTEMPTS:
            good, image = self._capture.read(buffer)
            if not good:
                failures += 1
                continue
            self.partial = self.partial or failures > 0
            failures = 0
            buffer = np.asarray(image, np.uint8)
            yield self._frame(buffer)

    def _frame(self, image: Picture) -> Frame:
        if self.frames_decoded >= self._job.max_frames:
            raise DecodeError("too-long", f"more than {self._job.max_frames} frames")
        # Its own time: waiting for a decode slot or the network is not the video's fault.
        if time.process_time() > self._deadline:
            raise DecodeError("time", f"took too long: not decoded within {self._job.seconds:g} s of processor time")
        self._check_size(image.shape[1], image.shape[0])
        seconds = self._time()
        frame = Frame(self.frames_decoded, seconds, prepare(image, self._job))
        self.frames_decoded += 1
        self.seconds = seconds + 1 / self.opened.frame_rate
        return frame

    def _time(self) -> float:
        """The frame's time stamp; where the container's do not advance, one frame after the last."""
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        previous = self.seconds - 1 / self.opened.frame_rate
        advances = math.isfinite(seconds) and previous < seconds < 1e9
        if self.frames_decoded == 0:
            return seconds if advances and seconds >= 0 else 0.0
        return seconds if advances else self.seconds


def _check_container(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise DecodeError("undecodable", "the file is empty")
    if container_of(head) is None:
        raise DecodeError(
            "unsupported", f"this is {describe(head)}; MP4, MOV, Matroska, WebM, AVI, MPEG-TS and MPEG-PS are supported"
        )


def prepare(image: Picture, job: Job) -> Picture:
    """A BGR frame squeezed to the resize size (bilinear, no antialiasing), its middle cut out, as RGB."""
    small = cv2.resize(image, (job.resize_width, job.resize_height), interpolation=RESIZE)
    crop = small[job.top : job.top + job.height, job.left : job.left + job.width]
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB), np.uint8)
