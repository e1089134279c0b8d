import pytest

from service.settings import Settings
from service.web.uploads.patience import WINDOW, Patience

RATE = 100


def patience(pause: float = 1000, total: float = 10_000, rate: int = RATE) -> Patience:
    return Patience(
        Settings(upload_timeout_seconds=pause, upload_total_seconds=total, upload_min_bytes_per_second=rate)
    )


def seconds_until_given_up(upload: Patience, size: int, every: float) -> float:
    """How long an upload lasts that brings `size` bytes at a time; at most an hour."""
    spent = 0.0
    while spent < 3600:
        left, _ = upload.left()
        if left < every:
            return spent + left
        upload.arrived(size, every)
        spent += every
    return spent


def test_a_pause_is_given_up_whatever_came_before() -> None:
    upload = patience(pause=5)
    upload.arrived(10**9, 1)
    assert upload.left() == (5, "nothing arrived for 5 s")


def test_an_upload_has_a_time_in_all() -> None:
    upload = patience(total=100)
    assert seconds_until_given_up(upload, 10**6, 1) == pytest.approx(100)
    assert upload.left()[1] == "the upload was not complete after 100 s"


@pytest.mark.parametrize("every", [0.01, 0.5, 5])
def test_drips_are_given_up_after_the_window(every: float) -> None:
    upload = patience()
    assert seconds_until_given_up(upload, 1, every) == pytest.approx(WINDOW, abs=every + 0.01)
    assert upload.left()[1] == f"fewer than {RATE} bytes a second arrived over 30 s"


def test_the_least_rate_is_enough_and_less_is_not() -> None:
    assert seconds_until_given_up(patience(), RATE, 1) == 3600
    assert seconds_until_given_up(patience(), 10 * RATE, 10) == 3600
    assert seconds_until_given_up(patience(), RATE * 9 // 10, 1) == pytest.approx(WINDOW, abs=2)


def test_a_quick_beginning_is_no_credit() -> None:
    upload = patience()
    upload.arrived(10**6, 0.5)
    for _ in range(10):
        upload.arrived(10**6, 1)
    assert seconds_until_given_up(upload, 1, 1) == pytest.approx(WINDOW, abs=2)


def test_bursts_may_be_as_far_apart_as_the_window() -> None:
    enough = int(RATE * WINDOW)
    assert seconds_until_given_up(patience(), enough, WINDOW - 1) >= 3600
    assert seconds_until_given_up(patience(), enough, WINDOW + 1) == pytest.approx(WINDOW)


def test_without_a_least_rate_only_pauses_count() -> None:
    assert seconds_until_given_up(patience(rate=0), 1, 20) == 3600


def test_time_that_is_not_spent_waiting_does_not_count() -> None:
    """As while a disk is slow: the client has sent, and was not read."""
    upload = patience(total=100)
    for _ in range(1000):
        upload.arrived(1, 0.0)
    assert upload.left()[0] == WINDOW
