"""Several samplings of one video, decoded once."""

from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from service.decoding.errors import DecodeError
from service.decoding.messages import ClipChoice, ClipSpan, Job
from service.decoding.pixels.grid import Picture
from service.decoding.run import Run
from service.decoding.video import Video

from ...support.jobs import job_of
from ...support.videos import write_video

ONE_AFTER_THE_OTHER = ClipChoice(frame_rate=None, stride=16)
RESAMPLED = ClipChoice(frame_rate=15, stride=16)
PADDED = ClipChoice(frame_rate=None, stride=30, pad=True)
SPREAD = ClipChoice(frame_rate=15, stride=1, clips=5)
SPREAD_TOO = ClipChoice(frame_rate=None, stride=1, clips=3)
ALL = (ONE_AFTER_THE_OTHER, RESAMPLED, PADDED, SPREAD, SPREAD_TOO)


class Decoding:
    """A job's clips, each sampling's with a copy of its pictures, and how often the video was decoded."""

    def __init__(self, path: Path, *choices: ClipChoice) -> None:
        self.decoded: list[int] = []
        job = _job(path, *choices)
        file = BytesIO(path.read_bytes())
        self.run = Run(job, partial(Video, job, file), self.decoded.append)
        self.clips: list[list[tuple[ClipSpan, Picture]]] = [[] for _ in choices]
        for span, picture in self.run.clips():
            self.clips[span.sampling].append((span, picture.copy()))

    @property
    def times_decoded(self) -> int:
        return self.decoded.count(2)  # a frame is through when the next is decoded


def _job(path: Path, first: ClipChoice, *more: ClipChoice) -> Job:
    return job_of(path, frames=16, **dict(first), more=more)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_each_sampling_gets_the_clips_that_it_gets_alone(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, 100, size=(64, 48))
    together = Decoding(path, *ALL)
    for number, choice in enumerate(ALL):
        [alone] = Decoding(path, choice).clips
        assert len(together.clips[number]) == len(alone) > 0
        for (span, picture), (expected_span, expected) in zip(together.clips[number], alone, strict=True):
            assert span == expected_span.model_copy(update={"sampling": number})
            assert np.array_equal(picture, expected)


def test_the_video_is_decoded_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100, size=(64, 48))
    assert Decoding(path, *ALL).decoded == [*range(2, 101), 100]


def test_only_spread_clips_are_cut_again_where_the_container_was_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", 100, size=(64, 48))
    right = Decoding(path, *ALL)
    monkeypatch.setattr(Video, "frames_claimed", 70)
    wrong = Decoding(path, *ALL)
    assert (right.times_decoded, wrong.times_decoded) == (1, 2)
    assert [[span for span, _ in clips] for clips in wrong.clips] == [
        [span for span, _ in clips] for clips in right.clips
    ]
    assert Decoding(path, ONE_AFTER_THE_OTHER, RESAMPLED).times_decoded == 1


def test_clips_that_are_held_are_counted_over_all_samplings(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100, size=(64, 48))
    job = _job(path, SPREAD, SPREAD_TOO)
    for held, enough in ((8, True), (7, False)):
        limited = job.model_copy(update={"memory_bytes": 2 * held * job.clip_bytes})
        file = BytesIO(path.read_bytes())
        run = Run(limited, partial(Video, limited, file), lambda _: None)
        if enough:
            assert len(list(run.clips())) == 8
        else:
            with pytest.raises(DecodeError, match="8 clips are held"):
                list(run.clips())
