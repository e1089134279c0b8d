"""Every decision of who is served when, as numbers."""

import pytest

from service.classification import scheduling


@pytest.mark.parametrize(("slots", "expected"), [(1, 4), (2, 8), (16, 64)])
def test_four_videos_open_for_each_that_is_decoded(slots: int, expected: int) -> None:
    assert scheduling.open_slots(slots) == expected


@pytest.mark.parametrize(("slots", "opened", "expected"), [(1, 4, 1), (4, 16, 4), (16, 6, 1), (6, 16, 4), (2, 2, 1)])
def test_jobs_leave_open_slots_to_requests(slots: int, opened: int, expected: int) -> None:
    """Three quarters of them; or one, where there are but two."""
    assert scheduling.jobs_at_once(slots, opened) == expected


@pytest.mark.parametrize(("queue_clips", "expected"), [(256, 64), (8, 2), (7, 1), (4, 1), (1, 1)])
def test_as_many_requests_as_their_clips_find_room(queue_clips: int, expected: int) -> None:
    assert scheduling.max_requests(queue_clips) == expected


@pytest.mark.parametrize(("active", "workers", "expected"), [(1, 1, 4), (1, 2, 4), (1, 8, 10), (2, 8, 4), (64, 8, 4)])
def test_a_lone_video_may_fill_every_worker(active: int, workers: int, expected: int) -> None:
    assert scheduling.window(active, workers) == expected


@pytest.mark.parametrize(
    ("slots", "others", "expected"),
    [(1, 0, 1), (2, 0, 2), (2, 1, 1), (2, 7, 1), (16, 0, 8), (16, 3, 4), (16, 7, 2)],
)
def test_idle_cpus_go_to_a_lone_video(slots: int, others: int, expected: int) -> None:
    assert scheduling.decode_threads(slots, others) == expected


def test_the_first_clip_of_a_request_goes_ahead() -> None:
    assert [scheduling.goes_ahead(index) for index in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("decoding", "waiting", "slots", "places", "expected"),
    [(0, 0, 2, 1, 0), (1, 0, 4, 1, 0.25), (4, 0, 4, 1, 1), (12, 0, 2, 1, 6),
     (0, 1, 4, 1, 1), (1, 3, 4, 2, 3), (2, 8, 16, 32, 1), (8, 16, 16, 32, 2), (0, 4, 4, 0, 4)],
)  # fmt: skip
def test_saturation_is_that_of_the_scarcer(
    decoding: int, waiting: int, slots: int, places: int, expected: float
) -> None:
    """A batch of 32 has room for the windows of 8 videos; one of a clip is full with one."""
    assert scheduling.saturation(decoding, waiting, slots, places) == expected
