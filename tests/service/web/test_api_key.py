"""`R3D_API_KEY`."""

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.settings import Settings

from ...support.live_server import API_KEY, StubServer


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", ["/health", "/health/live", "/", "/static/icon.svg", "/static/samples/tour.mp4"])
def test_health_and_the_pages_own_files_are_open(locked: StubServer, path: str) -> None:
    assert locked.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/labels", "/metrics", "/docs", "/openapi.json", "/nothing", "/health/", "/static"],
)
@pytest.mark.parametrize(
    "headers", [{}, bearer("wrong horse"), {"Authorization": "Bearer"}, bearer("correct"), {"Authorization": API_KEY}]
)
def test_everything_else_asks_for_the_key(locked: StubServer, path: str, headers: dict[str, str]) -> None:
    answer = locked.client.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:r3d:problem:unauthorized"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers.get_list("www-authenticate") == ['Basic realm="r3d", charset="UTF-8"', 'Bearer realm="r3d"']


def test_a_script_is_not_told_of_the_browsers_own_question(locked: StubServer) -> None:
    answer = locked.client.get("/labels", headers={"X-Requested-With": "r3d"})
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == ['Bearer realm="r3d"']


def test_an_open_folder_opens_nothing_beside_it(locked: StubServer) -> None:
    for path in ("/static/../labels", "/static/%2e%2e/labels", "/static/..%2flabels"):
        assert httpx.get(locked.url + path).status_code in (401, 404)


def test_the_key_opens(locked: StubServer, video: Path) -> None:
    assert locked.client.get("/labels", headers=bearer(API_KEY)).status_code == 200
    files = {"file": video.read_bytes()}
    assert locked.client.post("/classify", files=files).status_code == 401
    assert locked.client.post("/classify", files=files, headers=bearer(API_KEY)).status_code == 200


@pytest.mark.parametrize(
    ("authentication", "status"),
    [
        (httpx.BasicAuth("anybody", API_KEY), 200),
        (httpx.BasicAuth(API_KEY, ""), 401),
        (httpx.BasicAuth("x", "wrong"), 401),
    ],
)
def test_browsers_send_it_as_a_password(locked: StubServer, authentication: httpx.BasicAuth, status: int) -> None:
    assert locked.client.get("/labels", auth=authentication).status_code == status


def test_nonsense_is_refused(locked: StubServer) -> None:
    for header in (b"Basic !!!", b"Bearer \xff\xfe", b"Digest x", b"Basic"):
        assert locked.client.get("/labels", headers={b"Authorization": header}).status_code == 401


def test_the_key_is_in_no_log_of_settings() -> None:
    assert API_KEY not in repr(Settings(api_key=SecretStr(API_KEY)))
