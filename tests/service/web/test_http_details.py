"""What HTTP asks of a server beside the answers themselves."""

from pathlib import Path

import httpx
import pytest

from ...support.client import problem
from ...support.live_server import LiveServer, StubServer
from ...support.waiting import eventually

PAGES = ["/", "/docs", "/openapi.json", "/health", "/health/live", "/labels", "/metrics", "/static/js/main.js",
         "/swagger/swagger-ui.css", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/camera-motion",
         "/v2/models/camera-motion/ready"]  # fmt: skip
# `/metrics` counts, and `Date` goes on.
CHANGING = {"date", "x-request-id", "content-length"}


@pytest.mark.parametrize("path", PAGES)
def test_head_is_get_without_content(server: LiveServer, path: str) -> None:
    got, asked = server.client.get(path), server.client.head(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"") == (200, b"")
    left_out = CHANGING if path == "/metrics" else CHANGING - {"content-length"}
    assert {name: value for name, value in asked.headers.items() if name not in left_out} == {
        name: value for name, value in got.headers.items() if name not in left_out
    }
    assert server.client.get("/health").status_code == 200, "the connection goes on"


def test_head_of_errors(server: LiveServer) -> None:
    assert server.client.head("/nowhere").status_code == 404
    assert server.client.head("/classify").status_code == 405


def test_head_asks_for_the_key_as_get_does(locked: StubServer) -> None:
    assert locked.client.head("/labels").status_code == 401
    assert locked.client.head("/health").status_code == 200


def test_head_is_logged_as_such(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "service.requests"):
        server.client.head("/labels")
        server.client.get("/labels")
        # The line is written when the answer has been sent.
        eventually(lambda: "GET /labels 200 ok" in caplog.messages)
    assert [record.getMessage() for record in caplog.records if record.name == "service.requests"] == [
        "HEAD /labels 200 ok",
        "GET /labels 200 ok",
    ]


@pytest.mark.parametrize(
    ("path", "allowed"), [("/health", {"GET", "HEAD"}), ("/classify", {"POST"}), ("/v1/classify", {"POST"})]
)
def test_a_wrong_method_is_told_the_right_ones(server: LiveServer, path: str, allowed: set[str]) -> None:
    answer = server.client.delete(path)
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/health/", "/classify/", "/docs/", "/static", "/swagger", "/labels/"])
def test_no_address_is_made_from_the_clients_host(server: LiveServer, path: str) -> None:
    for method in ("GET", "POST"):
        answer = server.client.request(method, path, headers={"Host": "elsewhere.example"})
        problem(answer, 404, "not-found")
        assert "elsewhere" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("names", [["topk"], ["top_k ", "Frame_rate"], ["frames"]])
def test_unknown_parameters_are_refused_and_named(stub_server: StubServer, video: Path, names: list[str]) -> None:
    detail = problem(stub_server.post(video.read_bytes(), **dict.fromkeys(names, 1)), 422, "bad-parameter")
    assert all(f"{name}: " in detail for name in names)


def test_a_request_that_accepts_no_answer_is_refused_before_its_body(stub_server: StubServer, video: Path) -> None:
    files = {"file": video.read_bytes()}
    refused = stub_server.client.post("/classify", files=files, headers={"Accept": "text/html"})
    assert "application/x-ndjson" in problem(refused, 406, "not-acceptable")
    both = httpx.Headers([("Accept", "application/json;q=0.5"), ("Accept", "application/x-ndjson")])
    live = stub_server.client.post("/classify", files=files, headers=both)
    assert live.headers["content-type"] == "application/x-ndjson"
    whole = stub_server.client.post("/classify", files=files, headers={"Accept": "application/x-ndjson;q=0, */*"})
    assert whole.headers["content-type"] == "application/json"


def test_headers_that_come_at_once_and_are_too_large(stub_server: StubServer, video: Path) -> None:
    answer = stub_server.client.post("/classify", files={"file": video.read_bytes()}, headers={"X-Long": "a" * 20_000})
    problem(answer, 431, "headers-too-large")
