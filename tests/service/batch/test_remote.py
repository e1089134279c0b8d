"""What a remote service's headers say, and how far an upload is."""

from io import BytesIO

import pytest

from service.batch.remote import CountedFile, wait_of


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3), ("0", 0), ("86400", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 5), ("-1", 5), ("", 5)]
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float) -> None:
    assert wait_of(header) == seconds


def test_no_retry_after_is_no_wait() -> None:
    assert wait_of(None) is None


def test_uploads_show_their_progress() -> None:
    told: list[str] = []
    counted = CountedFile(BytesIO(bytes(100)), 100, told.append)
    while counted.read(40):
        pass
    assert told == ["uploading: 40 %", "uploading: 80 %", "uploaded", "uploaded"]
