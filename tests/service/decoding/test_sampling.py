from collections.abc import Iterator
from itertools import pairwise

import pytest

from service.decoding.errors import DecodeError
from service.decoding.frames import Frame
from service.decoding.sampling import between, check_rate, is_whole, resampled_count, uniform_starts

from ...support.frames import frame, frames, resample


def indices(found: Iterator[Frame]) -> list[int]:
    return [frame.index for frame in found]


def test_half_the_rate_takes_every_second_frame() -> None:
    assert indices(resample(frames(10, 30), 15, 30)) == [0, 2, 4, 6, 8]


def test_double_the_rate_takes_every_frame_twice() -> None:
    assert indices(resample(frames(4, 15), 30, 15)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_same_rate_changes_nothing() -> None:
    assert indices(resample(frames(50, 29.97), 29.97, 29.97)) == list(range(50))


def test_an_odd_rate_takes_the_nearest_earlier_frame() -> None:
    """torchvision's own resampling of 25 frames/s to 15: floor(k * 25 / 15)."""
    assert indices(resample(frames(25, 25), 15, 25)) == [int(k * 25 / 15 + 1e-9) for k in range(15)]


def test_time_stamps_rounded_to_milliseconds() -> None:
    rounded = (frame(f.index, round(f.seconds, 3), round(f.ends, 3)) for f in frames(30, 30))
    assert indices(resample(rounded, 15, 30)) == list(range(0, 30, 2))


def test_a_variable_rate_goes_by_time() -> None:
    times = [0.0, 0.1, 0.5, 0.6, 1.0, 1.1]
    found = (frame(i, *times) for i, times in enumerate(pairwise(times)))
    assert indices(resample(found, 10, 10)) == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4]


def test_frames_are_repeated_four_times_and_no_more() -> None:
    assert len(indices(resample(frames(100, 10), 40, 10))) == 400
    with pytest.raises(DecodeError, match="repeated more than 4 times") as caught:
        indices(resample(frames(100, 10), 60, 10))
    assert caught.value.kind == "frame-rate"
    check_rate(40, 10)
    with pytest.raises(DecodeError, match="41 frames/s"):
        check_rate(41, 10)


def test_a_still_of_some_seconds_is_repeated_as_long_as_it_lasts() -> None:
    slides = (frame(i, i * 8.0, (i + 1) * 8.0) for i in range(1))
    assert indices(resample(slides, 15, 0.125)) == [0] * 120


def test_a_last_moment_counts_only_if_its_time_is_over() -> None:
    """torchvision's rule: floor(frames * rate / fps), but every n-th frame where the step is whole."""
    assert len(indices(resample(frames(241, 25), 15, 25))) == 144
    assert len(indices(resample(frames(241, 30), 15, 30))) == 121


@pytest.mark.parametrize("count", [1, 2, 15, 31, 241, 300])
@pytest.mark.parametrize(("usual", "rate"), [(25, 15), (30, 15), (29.97, 15), (15, 30), (12, 10), (59.94, 15)])
def test_the_number_of_sampled_frames_is_known_ahead(count: int, usual: float, rate: float) -> None:
    assert resampled_count(count, rate, usual) == len(indices(resample(frames(count, usual), rate, usual)))


def test_a_span_of_time() -> None:
    assert indices(between(frames(100, 25), 1, 2)) == list(range(25, 50))
    assert indices(between(frames(100, 25), 3.9, None)) == [98, 99]


def test_nothing_behind_a_spans_end_is_decoded() -> None:
    decoded: list[int] = []

    def noted() -> Iterator[Frame]:
        for each in frames(100, 25):
            decoded.append(each.index)
            yield each

    assert len(indices(between(noted(), 0, 1))) == 25
    assert decoded == list(range(26))


def test_a_span_is_resampled_from_its_first_frame_on() -> None:
    found = list(resample(between(frames(100, 30), 1, 2), 15, 30))
    assert indices(iter(found)) == list(range(30, 60, 2))
    assert found[0].seconds == 1


def test_uniform_clips_are_spread_from_the_first_to_the_last() -> None:
    assert uniform_starts(144, 16, 1, 5) == [0, 32, 64, 96, 128]
    assert uniform_starts(100, 16, 1, 1) == [0]
    assert uniform_starts(17, 16, 1, 5) == [0, 0, 0, 0, 1]
    assert uniform_starts(16, 16, 1, 3) == [0, 0, 0]
    assert uniform_starts(15, 16, 1, 3) == []


def test_whole_steps() -> None:
    assert is_whole(30 / 15)
    assert not is_whole(29.97 / 15)
