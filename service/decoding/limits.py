"""What a video may take, checked while it is decoded."""

import time

from .errors import DecodeError
from .messages import Job


class Limits:
    """A job's limits on frames, their size, and processor time from now on."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._deadline = time.process_time() + job.seconds

    def check_frame(self, already: int, width: int, height: int) -> None:
        """Raises DecodeError if a frame more than `already`, of this size, is past a limit."""
        if already >= self._job.max_frames:
            raise DecodeError("too-long", f"more than {self._job.max_frames} frames")
        # Its own time: waiting for a decode slot or the network is not the video's fault.
        if time.process_time() > self._deadline:
            raise DecodeError("time", f"took too long: not decoded within {self._job.seconds:g} s of processor time")
        self.check_size(width, height)

    def check_size(self, width: int, height: int) -> None:
        """Raises DecodeError if frames of this size are too large."""
        if width * height > self._job.max_frame_pixels:
            raise DecodeError(
                "frames-too-large",
                f"frames of {width} x {height} pixels; at most {self._job.max_frame_pixels} pixels are accepted",
            )
