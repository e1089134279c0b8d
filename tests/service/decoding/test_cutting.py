import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from service.decoding.cutting import Cut, Cutter
from service.decoding.errors import DecodeError
from service.decoding.frames import Frame
from service.decoding.messages import ClipSpan
from service.decoding.pixels.grid import Picture
from service.decoding.sampling import uniform_starts

from ...support.frames import clips_of, frame, frames, numbers, resample

GOLDEN = Path(__file__).parents[2] / "golden" / "sampling_seed0.json"


def cut(found: "list[Frame]", cut: Cut) -> list[tuple[ClipSpan, list[int]]]:
    return [(span, numbers(pictures)) for span, pictures in clips_of(Cutter(cut), found)]


@pytest.mark.parametrize(("count", "clips"), [(0, 0), (31, 0), (32, 1), (33, 1), (63, 1), (64, 2), (241, 7)])
def test_whole_clips_only(count: int, clips: int) -> None:
    found = cut(list(frames(count)), Cut(32, 32, 1000))
    assert len(found) == clips
    for index, (clip, taken) in enumerate(found):
        assert (clip.index, clip.start_frame, clip.end_frame) == (index, index * 32, index * 32 + 32)
        assert clip.start_seconds == pytest.approx(index * 1.28)
        assert clip.end_seconds == pytest.approx(index * 1.28 + 1.28)
        assert taken == list(range(index * 32, index * 32 + 32))


@pytest.mark.parametrize(("length", "stride"), [(8, 1), (8, 3), (8, 8), (8, 11), (1, 1), (1, 4)])
def test_clips_begin_every_stride_frames(length: int, stride: int) -> None:
    found = cut(list(frames(60)), Cut(length, stride, 1000))
    starts = range(0, 60 - length + 1, stride)
    assert [taken for _, taken in found] == [list(range(start, start + length)) for start in starts]


def test_clips_may_hold_the_limit_and_no_more() -> None:
    assert len(cut(list(frames(64)), Cut(32, 32, 64))) == 2
    assert len(cut(list(frames(40)), Cut(32, 4, 96))) == 3
    with pytest.raises(DecodeError, match="more than 64") as caught:
        cut(list(frames(40)), Cut(32, 4, 64))
    assert caught.value.kind == "too-long"


@pytest.mark.parametrize(
    ("count", "stride", "clips"),
    [
        (10, 16, [[*range(10), *[9] * 6]]),
        (16, 16, [[*range(16)]]),
        (20, 16, [[*range(16)], [*range(16, 20), *[19] * 12]]),
        (20, 8, [[*range(16)], [*range(8, 20), *[19] * 4]]),
        (20, 30, [[*range(16)]]),
        (35, 30, [[*range(16)], [*range(30, 35), *[34] * 11]]),
        (0, 16, []),
    ],
)
def test_the_last_frame_is_repeated_until_the_last_clip_is_whole(
    count: int, stride: int, clips: list[list[int]]
) -> None:
    cutter = Cutter(Cut(16, stride, 1000, pad=True))
    assert [numbers(pictures) for _, pictures in clips_of(cutter, frames(count))] == clips
    assert cutter.repeated == sum(one == other for clip in clips for one, other in pairwise(clip))


def test_clips_at_given_places_also_twice() -> None:
    found = cut(list(frames(30)), Cut(8, 1, 1000, starts=(0, 0, 5, 22)))
    assert [taken for _, taken in found] == [list(range(start, start + 8)) for start in (0, 0, 5, 22)]
    assert [span.index for span, _ in found] == [0, 1, 2, 3]


def test_the_frames_are_those_that_torchvision_samples() -> None:
    cases = json.loads(GOLDEN.read_text())
    assert len(cases) == 164
    for case in cases:
        found = list(frames(case["frames"], case["fps"]))
        if case["frame_rate"]:
            found = list(resample(found, case["frame_rate"], case["fps"]))
        starts = None
        if case["clips"] is not None:
            starts = tuple(uniform_starts(len(found), case["clip"], case["step"], case["clips"]))
        clips = cut(found, Cut(case["clip"], case["step"], 1_000_000, starts=starts))
        assert [taken for _, taken in clips] == case["indices"], case


def test_a_clip_ends_where_the_frame_behind_it_begins() -> None:
    times = [*range(32), 40, *range(50, 82)]
    found = [frame(i, *times) for i, times in enumerate(pairwise(times))]
    assert [(span.start_seconds, span.end_seconds) for span, _ in cut(found, Cut(32, 32, 100))] == [(0, 40), (40, 81)]


def test_clips_of_a_resampled_video_follow_each_other_without_a_gap() -> None:
    spans = [span for span, _ in cut(list(resample(frames(100, 25), 15, 25)), Cut(10, 10, 100))]
    assert [span.start_seconds for span in spans] == pytest.approx([n * 10 / 15 for n in range(6)])
    assert all(earlier.end_seconds == later.start_seconds for earlier, later in pairwise(spans))


def test_frames_that_no_clip_needs_are_not_converted() -> None:
    converted: list[int] = []

    def noted(index: int) -> Frame:
        def convert() -> Picture:
            converted.append(index)
            return np.zeros((2, 3, 3), np.uint8)

        return Frame(index, index / 30, (index + 1) / 30, convert)

    assert len(list(clips_of(Cutter(Cut(32, 32, 100)), resample(map(noted, range(64)), 15, 30)))) == 1
    assert converted == list(range(0, 64, 2))
    converted.clear()
    assert len(list(clips_of(Cutter(Cut(4, 10, 100)), map(noted, range(24))))) == 3
    assert converted == [*range(4), *range(10, 14), *range(20, 24)]
