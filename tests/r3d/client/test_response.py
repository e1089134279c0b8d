"""What a service's headers say."""

import pytest

from r3d.client.response import wait_of


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3), ("0", 0), ("86400", 86400), ("Wed, 21 Oct 2026 07:28:00 GMT", 5), ("-1", 5)],
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float) -> None:
    assert wait_of(header) == seconds


def test_no_retry_after_is_no_wait() -> None:
    assert wait_of(None) is None
