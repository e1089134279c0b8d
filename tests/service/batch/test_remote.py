"""What a remote service's headers say, and how far an upload is."""

from io import BytesIO

import httpx
import pytest

from service.batch.remote import CountedFile, base_url, wait_of
from service.errors import StartupError


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3), ("0", 0), ("86400", 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 5), ("-1", 5), ("", 5)]
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float) -> None:
    assert wait_of(header) == seconds


def test_no_retry_after_is_no_wait() -> None:
    assert wait_of(None) is None


def test_uploads_show_their_progress() -> None:
    told: list[tuple[str, float | None]] = []
    counted = CountedFile(BytesIO(bytes(100)), 100, lambda about, part=None: told.append((about, part)))
    while counted.read(40):
        pass
    assert told == [("uploading", 0.4), ("uploading", 0.8), ("uploaded", None), ("uploaded", None)]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("10.0.0.7:80", "http://10.0.0.7:80"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("https://example.org/videos", "https://example.org/videos"),
    ],
)
def test_an_address_needs_no_scheme(text: str, url: str) -> None:
    assert httpx.URL(base_url(text)) == httpx.URL(url)


@pytest.mark.parametrize("text", ["http://", "ftp://example.org", "localhost:port", ""])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(StartupError, match="no address of a service"):
        base_url(text)
