"""A video's clips, as a job asks for them."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from .cutting import Cut, Cutter
from .errors import DecodeError
from .frames import Frame
from .messages import ClipSpan, Job
from .pixels.grid import Picture
from .sampling import between, resample, resampled_count, uniform_starts
from .video import Video


class Run:
    """Decodes a video to clips. `video` and `cutter` know what was decoded and cut once the clips are through."""

    def __init__(self, job: Job, file: BinaryIO, video: Video, report: Callable[[int], None]) -> None:
        """`video` is `file`, open; `report` is called with the frames decoded so far, again and again."""
        self._job = job
        self._file = file
        self._report = report
        self.video = video
        self.cutter = Cutter(Cut(job.frames, job.stride, job.max_frames, job.pad))

    def clips(self) -> Iterator[tuple[ClipSpan, Picture]]:
        """Each clip with its frames, [T, H, W, 3], which the next may overwrite. Raises DecodeError."""
        if self._job.clips is None:
            return self.cutter.cut(self._frames())
        return iter(self._spread(self._job.clips))

    def _spread(self, clips: int) -> list[tuple[ClipSpan, Picture]]:
        """Clips spread over the whole video; where its container was wrong about its length, it is decoded again."""
        if clips * self._job.clip_bytes > self._job.memory_bytes // 2:
            raise DecodeError("memory", f"too much memory: {clips} clips are held until the video is through")
        guess = self._guess()
        found = self._collect(guess, clips)
        if self.cutter.frames != guess:
            frames = self.cutter.frames
            self._file.seek(0)
            self.video = Video(self._job, self._file)
            found = self._collect(frames, clips)
        return found

    def _guess(self) -> int:
        """How many frames there will be to cut, if the container is right."""
        rate, usual = self._job.frame_rate, self.video.opened.frame_rate
        start, end = self._job.start, self._job.end
        frames = self.video.frames_claimed
        if end is not None:
            frames = min(frames, round(end * usual))
        frames = max(0, frames - round(start * usual))
        return frames if rate is None else resampled_count(frames, rate, usual)

    def _collect(self, frames: int, clips: int) -> list[tuple[ClipSpan, Picture]]:
        job = self._job
        length = max(frames, job.frames) if job.pad and frames else frames
        starts = tuple(uniform_starts(length, job.frames, job.stride, clips))
        self.cutter = Cutter(Cut(job.frames, job.stride, job.max_frames, job.pad, starts))
        return [(span, picture.copy()) for span, picture in self.cutter.cut(self._frames())]

    def _frames(self) -> Iterator[Frame]:
        job = self._job
        frames = between(self._decoded(), job.start, job.end)
        return frames if job.frame_rate is None else resample(frames, job.frame_rate, self.video.opened.frame_rate)

    def _decoded(self) -> Iterator[Frame]:
        for frame in self.video.frames():
            self._report(self.video.frames_decoded)
            yield frame
