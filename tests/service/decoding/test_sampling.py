from collections.abc import Iterator

import numpy as np
import pytest

from service.decoding.sampling import cut, resample
from service.decoding.video import DecodeError, Frame


def frames(count: int, rate: float = 25.0) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, index / rate, np.full((2, 3, 3), index, np.uint8))


def indices(found: Iterator[Frame]) -> list[int]:
    return [frame.index for frame in found]


@pytest.mark.parametrize(("count", "clips"), [(0, 0), (31, 0), (32, 1), (33, 1), (63, 1), (64, 2), (241, 7)])
def test_whole_clips_only(count: int, clips: int) -> None:
    found = [(clip, pictures[:, 0, 0, 0].copy()) for clip, pictures in cut(frames(count), 32, 0.04, 1000)]
    assert len(found) == clips
    for index, (clip, first_pixels) in enumerate(found):
        assert (clip.index, clip.start_frame, clip.end_frame) == (index, index * 32, index * 32 + 32)
        assert clip.start_seconds == pytest.approx(index * 1.28)
        assert clip.end_seconds == pytest.approx(index * 1.28 + 1.28)
        assert first_pixels.tolist() == list(range(index * 32, index * 32 + 32))


def test_a_video_may_have_the_limit_and_no_more() -> None:
    assert len(list(cut(frames(64), 32, 0.04, 64))) == 2
    with pytest.raises(DecodeError, match="more than 64") as caught:
        list(cut(frames(65), 32, 0.04, 64))
    assert caught.value.kind == "too-long"


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
    rounded = (Frame(f.index, round(f.seconds, 3), f.picture) for f in frames(30, 30))
    assert indices(resample(rounded, 15, 30)) == list(range(0, 30, 2))


def test_a_variable_rate_goes_by_time() -> None:
    times = [0.0, 0.1, 0.5, 0.6, 1.0]
    found = (Frame(i, t, np.zeros((1, 1, 3), np.uint8)) for i, t in enumerate(times))
    assert indices(resample(found, 10, 10)) == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4]
