"""A video's clips, as a job asks for them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from .cutting import Cut, Cutter
from .errors import DecodeError
from .frames import Frame
from .messages import ClipChoice, ClipSpan, Job, Opened
from .pixels.grid import Picture
from .sampling import Resampler, between, check_rate, resampled_count, uniform_starts

Clip = tuple[ClipSpan, Picture]


class DecodedVideo(Protocol):
    """A video that is being decoded, from its start, once."""

    opened: Opened
    frames_decoded: int
    partial: bool  # whether damage was met
    seconds: float  # the end of the last frame

    @property
    def frames_claimed(self) -> int:
        """About how many frames the container says there are; 0 if it does not."""

    def frames(self) -> Iterator[Frame]:
        """Every frame, in order. Raises DecodeError."""


class Sampler:
    """Decoded frames to the clips of one of a job's samplings; `cutter` knows how many there are."""

    def __init__(self, job: Job, number: int, usual_rate: float, expected: int) -> None:
        """`number`: which sampling; `expected`: how many frames there will be to cut, needed to spread clips."""
        self.number = number
        self.choice = job.samplings[number]
        self.expected = expected
        rate = self.choice.frame_rate
        self._resampler = None if rate is None else Resampler(rate, usual_rate)
        starts = _starts(self.choice, job.frames, expected)
        self.cutter = Cutter(Cut(job.frames, self.choice.stride, job.max_frames, self.choice.pad, starts))

    def add(self, frame: Frame) -> Iterator[Clip]:
        """The clips that a frame completes, the next of which may overwrite them."""
        for each in (frame,) if self._resampler is None else self._resampler.add(frame):
            yield from map(self._numbered, self.cutter.add(each))

    def end(self) -> Iterator[Clip]:
        """The clips that are left when there are no more frames."""
        for each in () if self._resampler is None else self._resampler.end():
            yield from map(self._numbered, self.cutter.add(each))
        yield from map(self._numbered, self.cutter.end())

    def _numbered(self, clip: Clip) -> Clip:
        span, picture = clip
        return span.model_copy(update={"sampling": self.number}), picture


def _starts(choice: ClipChoice, length: int, expected: int) -> tuple[int, ...] | None:
    if choice.clips is None:
        return None
    whole = max(expected, length) if choice.pad and expected else expected
    return tuple(uniform_starts(whole, length, choice.stride, choice.clips))


class Run:
    """Decodes a video to clips. `video` and `samplers` know what was decoded and cut once the clips are through."""

    def __init__(self, job: Job, open_video: Callable[[], DecodedVideo], report: Callable[[int], None]) -> None:
        """`open_video` opens the job's file; `report` is called with the frames decoded so far, again and again."""
        self._job = job
        self._open = open_video
        self._report = report
        self.video = open_video()
        self._check_rates()
        self.samplers = [self._sampler(number, self._guess(choice)) for number, choice in enumerate(job.samplings)]

    def clips(self) -> Iterator[Clip]:
        """Each clip with its frames, [T, H, W, 3], which the next may overwrite; each sampling's in order.

        Clips spread over the whole video come when it is through; where its container was wrong about its length, it is
        decoded again for them. Raises DecodeError.
        """
        self._check_memory()
        held: list[list[Clip]] = [[] for _ in self.samplers]
        for span, picture in self._cut(self.samplers):
            if self._job.samplings[span.sampling].clips is None:
                yield span, picture
            else:
                held[span.sampling].append((span, picture.copy()))
        if wrong := [each for each in self.samplers if each.choice.clips and each.cutter.frames != each.expected]:
            self.video = self._open()
            for each in wrong:
                held[each.number] = []
                self.samplers[each.number] = self._sampler(each.number, each.cutter.frames)
            for span, picture in self._cut([self.samplers[each.number] for each in wrong]):
                held[span.sampling].append((span, picture.copy()))
        for clips in held:
            yield from clips

    def _check_rates(self) -> None:
        for choice in self._job.samplings:
            if choice.frame_rate is not None:
                check_rate(choice.frame_rate, self.video.opened.frame_rate)

    def _check_memory(self) -> None:
        clips = sum(choice.clips or 0 for choice in self._job.samplings)
        if clips * self._job.clip_bytes > self._job.memory_bytes // 2:
            raise DecodeError("memory", f"too much memory: {clips} clips are held until the video is through")

    def _sampler(self, number: int, expected: int) -> Sampler:
        return Sampler(self._job, number, self.video.opened.frame_rate, expected)

    def _guess(self, choice: ClipChoice) -> int:
        """How many frames there will be to cut, if the container is right."""
        rate, usual = choice.frame_rate, self.video.opened.frame_rate
        start, end = self._job.start, self._job.end
        frames = self.video.frames_claimed
        if end is not None:
            frames = min(frames, round(end * usual))
        frames = max(0, frames - round(start * usual))
        return frames if rate is None else resampled_count(frames, rate, usual)

    def _cut(self, samplers: Sequence[Sampler]) -> Iterator[Clip]:
        """The samplers' clips of the video, decoded once."""
        for frame in between(self._decoded(), self._job.start, self._job.end):
            for sampler in samplers:
                yield from sampler.add(frame)
        for sampler in samplers:
            yield from sampler.end()

    def _decoded(self) -> Iterator[Frame]:
        for frame in self.video.frames():
            self._report(self.video.frames_decoded)
            yield frame
