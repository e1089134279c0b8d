from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from service.decoding.errors import DecodeError
from service.decoding.frames import Frame
from service.decoding.pixels.grid import Picture
from service.decoding.sampling import check_rate, cut, resample


def frame(index: int, seconds: float, ends: float) -> Frame:
    return Frame(index, seconds, ends, lambda: np.full((2, 3, 3), index, np.uint8))


def frames(count: int, rate: float = 25.0) -> Iterator[Frame]:
    for index in range(count):
        yield frame(index, index / rate, (index + 1) / rate)


def indices(found: Iterator[Frame]) -> list[int]:
    return [frame.index for frame in found]


@pytest.mark.parametrize(("count", "clips"), [(0, 0), (31, 0), (32, 1), (33, 1), (63, 1), (64, 2), (241, 7)])
def test_whole_clips_only(count: int, clips: int) -> None:
    found = [(clip, pictures[:, 0, 0, 0].copy()) for clip, pictures in cut(frames(count), 32, 1000)]
    assert len(found) == clips
    for index, (clip, first_pixels) in enumerate(found):
        assert (clip.index, clip.start_frame, clip.end_frame) == (index, index * 32, index * 32 + 32)
        assert clip.start_seconds == pytest.approx(index * 1.28)
        assert clip.end_seconds == pytest.approx(index * 1.28 + 1.28)
        assert first_pixels.tolist() == list(range(index * 32, index * 32 + 32))


def test_a_video_may_have_the_limit_and_no_more() -> None:
    assert len(list(cut(frames(64), 32, 64))) == 2
    with pytest.raises(DecodeError, match="more than 64") as caught:
        list(cut(frames(65), 32, 64))
    assert caught.value.kind == "too-long"


def test_half_the_rate_takes_every_second_frame() -> None:
    assert indices(resample(frames(10, 30), 15)) == [0, 2, 4, 6, 8]


def test_double_the_rate_takes_every_frame_twice() -> None:
    assert indices(resample(frames(4, 15), 30)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_same_rate_changes_nothing() -> None:
    assert indices(resample(frames(50, 29.97), 29.97)) == list(range(50))


def test_an_odd_rate_takes_the_nearest_earlier_frame() -> None:
    """torchvision's own resampling of 25 frames/s to 15: floor(k * 25 / 15)."""
    assert indices(resample(frames(25, 25), 15)) == [int(k * 25 / 15 + 1e-9) for k in range(15)]


def test_time_stamps_rounded_to_milliseconds() -> None:
    rounded = (frame(f.index, round(f.seconds, 3), round(f.ends, 3)) for f in frames(30, 30))
    assert indices(resample(rounded, 15)) == list(range(0, 30, 2))


def test_a_variable_rate_goes_by_time() -> None:
    times = [0.0, 0.1, 0.5, 0.6, 1.0, 1.1]
    found = (frame(i, *times) for i, times in enumerate(pairwise(times)))
    assert indices(resample(found, 10)) == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4]


def test_a_clip_ends_where_the_frame_behind_it_begins() -> None:
    times = [*range(32), 40, *range(50, 82)]
    found = (frame(i, *times) for i, times in enumerate(pairwise(times)))
    spans = [span for span, _ in cut(found, 32, 100)]
    assert [(span.start_seconds, span.end_seconds) for span in spans] == [(0, 40), (40, 81)]


def test_clips_of_a_resampled_video_follow_each_other_without_a_gap() -> None:
    spans = [span for span, _ in cut(resample(frames(100, 25), 15), 10, 100)]
    assert [span.start_seconds for span in spans] == pytest.approx([n * 10 / 15 for n in range(6)])
    assert all(earlier.end_seconds == later.start_seconds for earlier, later in pairwise(spans))


def test_frames_are_repeated_four_times_and_no_more() -> None:
    assert len(indices(resample(frames(100, 10), 40))) == 400
    with pytest.raises(DecodeError, match="repeated more than 4 times") as caught:
        indices(resample(frames(100, 10), 60))
    assert caught.value.kind == "frame-rate"
    check_rate(40, 10)
    with pytest.raises(DecodeError, match="41 frames/s"):
        check_rate(41, 10)


def test_a_still_of_some_seconds_is_repeated_as_long_as_it_lasts() -> None:
    slides = (frame(i, i * 8.0, (i + 1) * 8.0) for i in range(1))
    assert indices(resample(slides, 15)) == [0] * 120


def test_frames_that_are_not_sampled_are_not_converted() -> None:
    converted: list[int] = []

    def noted(index: int) -> Frame:
        def convert() -> Picture:
            converted.append(index)
            return np.zeros((2, 3, 3), np.uint8)

        return Frame(index, index / 30, (index + 1) / 30, convert)

    assert len(list(cut(resample(map(noted, range(64)), 15), 32, 100))) == 1
    assert converted == list(range(0, 64, 2))
