"""`R3D_CORS_ORIGINS`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.environment import settings_from_environment

from ...support.client import problem
from ...support.live_server import API_KEY, StubServer

ORIGIN = "https://videos.example.org"
KEY = {"Authorization": f"Bearer {API_KEY}"}
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}


@pytest.fixture(scope="module")
def open_to_one(model_directory: Path) -> Iterator[StubServer]:
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("R3D_CORS_ORIGINS", f"{ORIGIN},http://localhost:3000")
        settings = settings_from_environment(model=model_directory, api_key=SecretStr(API_KEY))
    with StubServer(settings) as live:
        yield live


def test_without_the_setting_no_origin_is_let_in(stub_server: StubServer, video: Path) -> None:
    answer = stub_server.client.post("/classify", files={"file": video.read_bytes()}, headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    problem(stub_server.client.options("/v1/classify", headers={"Origin": ORIGIN} | ASKING), 405, "method-not-allowed")


def test_a_browser_may_ask_without_the_key_whether_it_may_send_it(open_to_one: StubServer) -> None:
    answer = open_to_one.client.options("/v1/classify", headers={"Origin": ORIGIN} | ASKING)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "x-request-id" in answer.headers
    refused = open_to_one.client.options("/v1/classify", headers={"Origin": "https://elsewhere.example"} | ASKING)
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


def test_pages_of_that_origin_see_answers_and_errors(open_to_one: StubServer, video: Path) -> None:
    files = {"file": video.read_bytes()}
    good = open_to_one.client.post("/v1/classify", files=files, headers={"Origin": ORIGIN} | KEY)
    assert good.status_code == 200
    keyless = open_to_one.client.post("/v1/classify", files=files, headers={"Origin": ORIGIN})
    problem(keyless, 401, "unauthorized")
    for answer in (good, keyless):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert {"X-Request-ID", "Retry-After", "Server-Timing"} <= exposed
    other = open_to_one.client.post("/v1/classify", files=files, headers={"Origin": "https://elsewhere.example"} | KEY)
    assert "access-control-allow-origin" not in other.headers
