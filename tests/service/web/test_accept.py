"""Which answer an `Accept` header gets."""

import pytest

from service.errors import NotAcceptableError
from service.web.negotiation import wanted_format


@pytest.mark.parametrize(
    ("accept", "live"),
    [
        ("application/x-ndjson", True),
        ("Application/X-NDJSON", True),
        ("application/json", False),
        ("*/*", False),
        ("application/*", False),
        ("", False),
        ("application/json, application/x-ndjson", True),
        ("application/x-ndjson, application/json", True),
        ("application/json, application/x-ndjson; q=0.9", False),
        ("application/json;q=0.5, application/x-ndjson;q=0.9", True),
        ("application/x-ndjson, */*", True),
        ("application/x-ndjson;q=0.5, */*", False),
        ("application/x-ndjson;q=0, */*", False),
        ("application/json;q=0, */*", True),
        ("application/json;q=0.000, application/*;q=0.1", True),
        ("text/html, application/xhtml+xml, */*;q=0.8", False),
        ("application/json;q=0.1, application/*;q=0.9", True),
        ("application/x-ndjson;charset=utf-8", True),
        ("application/x-ndjson;q=1.000", True),
        ("application/x-ndjson ; Q=0.8", True),
        ("application/x-ndjson;q=2, application/json", False),
        ("application/x-ndjson;q=many", False),
        ("*/json, nonsense, ;;, /", False),
        (",".join(["a/b"] * 5000) + ",*/*", False),
    ],
)
def test_the_weights_decide(accept: str, live: bool) -> None:
    assert wanted_format([accept]) == ("ndjson" if live else "json")


def test_several_headers_are_one_list() -> None:
    assert wanted_format(["application/json;q=0.1", "application/x-ndjson"]) == "ndjson"
    assert wanted_format([]) == "json"


@pytest.mark.parametrize(
    "accept", ["text/html", "*/*;q=0", "application/json;q=0", "application/x-ndjsonx", "text/html, image/png"]
)
def test_nothing_acceptable_is_an_error_that_says_what_there_is(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="application/json, application/x-ndjson, text/csv"):
        wanted_format([accept])


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/csv", "csv"),
        ("text/vtt", "vtt"),
        ("application/x-subrip", "srt"),
        ("text/*", "csv"),
        ("text/vtt, */*;q=0.1", "vtt"),
    ],
)
def test_other_formats_by_their_media_types(accept: str, wanted: str) -> None:
    assert wanted_format([accept]) == wanted
