"""The service behind nginx and Caddy, set up as `deploy/proxies` has them, with one of two instances away."""

import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings

from ..support.client import NDJSON, Event, problem
from ..support.live_server import StubServer
from ..support.proxies import EXAMPLES, PROXIES, Certificate, free_port
from ..support.waiting import eventually

MIB = 1 << 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=PROXIES)
def proxied(
    request: pytest.FixtureRequest,
    stub_server: StubServer,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp("proxies") / request.param
    believed = ssl.create_default_context(cafile=str(certificate.authority))
    with (
        PROXIES[request.param](folder, [free_port(), stub_server.port], certificate) as url,
        httpx.Client(base_url=url, verify=believed, timeout=60) as client,
    ):
        yield client


def test_every_request_finds_the_instance_that_is_there(proxied: httpx.Client, video: Path) -> None:
    for _ in range(4):
        answer = proxied.post("/v1/classify", content=video.read_bytes(), headers={"Content-Type": "video/mp4"})
        assert answer.status_code == 200
        assert answer.headers["x-request-id"]
    assert proxied.get("/health").json()["status"] == "ready"
    assert "<title>" in proxied.get("/").text


def test_metrics_are_not_for_everybody(proxied: httpx.Client) -> None:
    assert proxied.get("/metrics").status_code == 404


def test_a_body_may_be_large(proxied: httpx.Client) -> None:
    """Larger than the 1 MB that nginx takes by itself: it is the service that refuses it."""
    problem(proxied.post("/v1/classify", files={"file": bytes(3 * MIB)}), 415, "unsupported-media")


def test_an_upload_is_passed_on_while_it_comes(
    proxied: httpx.Client, gated: StubServer, certificate: Certificate
) -> None:
    believed = ssl.create_default_context(cafile=str(certificate.authority))
    port = proxied.base_url.port or 443
    head = f"Host: 127.0.0.1:{port}\r\nContent-Type: video/mp4\r\nContent-Length: {2 * MIB}\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        believed.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(f"POST /v1/classify HTTP/1.1\r\n{head}".encode() + bytes(MIB))
        eventually(lambda: gated.metric("r3d_requests_in_progress") == 1)
        connection.sendall(bytes(MIB))
        assert connection.recv(65536).startswith(b"HTTP/1.1 415 ")


def test_lines_come_while_others_are_still_awaited(proxied: httpx.Client, gated: StubServer, video: Path) -> None:
    gated.gate.close(after=1)
    events: list[Event] = []
    request = {"content": video.read_bytes(), "headers": NDJSON | {"Content-Type": "video/mp4"}}
    with proxied.stream("POST", "/v1/classify", **request) as answer:  # type: ignore[arg-type]
        for line in answer.iter_lines():
            events.append({"line": line})
            gated.gate.open()
    assert len(events) == 3


def test_who_leaves_the_proxy_leaves_the_service(proxied: httpx.Client, gated: StubServer, video: Path) -> None:
    gated.gate.close()
    try:
        with pytest.raises(httpx.ReadTimeout):
            proxied.post("/v1/classify", files={"file": video.read_bytes()}, timeout=httpx.Timeout(20, read=0.5))
        eventually(lambda: gated.metric("r3d_requests_in_progress") == 0)
    finally:
        gated.gate.open()


def test_the_service_ends_what_is_too_large_or_too_slow_before_the_proxy_does() -> None:
    settings = Settings()
    nginx = (EXAMPLES / "nginx.conf").read_text()
    waits = {name: float(seconds) for name, seconds in re.findall(r"^ +(\w+_timeout) (\d+)s;", nginx, re.MULTILINE)}
    assert waits["proxy_read_timeout"] > settings.request_timeout_seconds
    assert waits["client_body_timeout"] > settings.upload_timeout_seconds
    assert waits["proxy_send_timeout"] > settings.upload_timeout_seconds
    for example, pattern in (
        (nginx, r"client_max_body_size (\d+)m;"),
        ((EXAMPLES / "Caddyfile").read_text(), r"max_size (\d+)MiB"),
    ):
        [size] = re.findall(pattern, example)
        largest = max(settings.max_upload_bytes, settings.jobs_max_upload_bytes)
        assert largest < int(size) * MIB <= largest + 2 * MIB
