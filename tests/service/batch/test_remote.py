"""How a service's address may be given."""

import httpx
import pytest

from service.batch.remote import base_url
from service.errors import StartupError


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
