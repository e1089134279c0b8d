"""Clients that hold a connection without asking for anything, byte by byte, through a real server."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from service.web import connections
from service.web.page import STATIC

from ...support.client import problem
from ...support.live_server import StubServer
from ...support.waiting import eventually

SOON = 0.5
LATER = 60.0
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every wait is long, until a test shortens one."""
    for name in ("HEAD_SECONDS", "TAKE_SECONDS"):
        monkeypatch.setattr(connections, name, LATER)
    return monkeypatch


@pytest.fixture(scope="module")
def live(model_directory: Path) -> Iterator[StubServer]:
    with StubServer(Settings(model=model_directory, max_connections=20)) as server:
        yield server


def connect(live: StubServer, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=10)
    connection.sendall(sent)
    return connection


def rest_of(connection: socket.socket) -> bytes:
    """All until the server closes, which it must."""
    found = b""
    try:
        while more := connection.recv(65536):
            found += more
    except ConnectionResetError:
        pass
    return found


def answer_of(connection: socket.socket) -> bytes:
    """One answer with a small JSON body."""
    found = b""
    while not found.rstrip().endswith(b"}"):
        more = connection.recv(65536)
        assert more, found
        found += more
    return found


def open_connections(live: StubServer) -> int:
    return len(live.server.server_state.connections)


@pytest.mark.parametrize("sent", [b"", b"GE", HEALTH[:-2], b"POST /classify HTTP/1.1\r\nHost:"])
def test_a_head_that_does_not_end_is_waited_for_so_long(
    live: StubServer, limits: pytest.MonkeyPatch, sent: bytes
) -> None:
    limits.setattr(connections, "HEAD_SECONDS", SOON)
    with connect(live, sent) as connection:
        assert rest_of(connection) == b""


def test_a_head_after_an_answer_is_waited_for_so_long(live: StubServer, limits: pytest.MonkeyPatch) -> None:
    with connect(live, HEALTH) as connection:
        assert answer_of(connection).startswith(b"HTTP/1.1 200")
        limits.setattr(connections, "HEAD_SECONDS", SOON)
        connection.sendall(b"GET /hea")
        assert rest_of(connection) == b""


def test_drips_of_a_head_do_not_prolong_it(live: StubServer, limits: pytest.MonkeyPatch) -> None:
    limits.setattr(connections, "HEAD_SECONDS", SOON)
    with connect(live, b"GET / HTTP/1.1\r\nX: ") as connection:
        before = open_connections(live)

        def dripped() -> bool:
            try:
                connection.sendall(b"a")
            except OSError:
                return True
            return open_connections(live) < before

        eventually(dripped)


def test_requests_one_after_the_other_are_not_in_a_hurry(live: StubServer, limits: pytest.MonkeyPatch) -> None:
    """The time for a head begins anew with each, also when several come together."""
    limits.setattr(connections, "HEAD_SECONDS", SOON)
    with connect(live) as connection:
        for _ in range(3):
            connection.sendall(HEALTH[:10])
            connection.sendall(HEALTH[10:])
            assert answer_of(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(HEALTH * 3)
        found = b""
        while found.count(b"HTTP/1.1 200") < 3:
            found += connection.recv(65536)


def test_a_request_that_is_classified_is_in_no_hurry_either(
    live: StubServer, limits: pytest.MonkeyPatch, video: Path
) -> None:
    limits.setattr(connections, "HEAD_SECONDS", SOON)
    request = httpx.Request("POST", live.url + "/classify", files={"file": video.read_bytes()})
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    live.gate.close()
    with connect(live, f"POST /classify HTTP/1.1\r\n{head}\r\n".encode() + request.read()) as connection:
        live.gate.wait_held()
        with connect(live) as other:
            assert rest_of(other) == b"", "one that came later is closed first"
        live.gate.open()
        assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_an_idle_connection_is_closed(model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.web.server.IDLE_SECONDS", 1)
    with StubServer(Settings(model=model_directory)) as live, connect(live, HEALTH) as connection:
        assert answer_of(connection)
        assert rest_of(connection) == b""


def test_a_body_that_nobody_reads_is_waited_for_so_long(live: StubServer, limits: pytest.MonkeyPatch) -> None:
    with connect(live, HEALTH[:-2] + b"Content-Length: 1000000\r\n\r\n") as connection:
        assert answer_of(connection).startswith(b"HTTP/1.1 200")
        limits.setattr(connections, "HEAD_SECONDS", SOON)
        connection.sendall(b"a")
        assert rest_of(connection) == b""


@pytest.mark.parametrize("extra", [b"", b"Connection: close\r\n"])
def test_an_answer_that_is_not_taken_is_given_up(live: StubServer, limits: pytest.MonkeyPatch, extra: bytes) -> None:
    limits.setattr(connections, "TAKE_SECONDS", SOON)
    request = b"GET /static/samples/tour.mp4 HTTP/1.1\r\nHost: x\r\n" + extra + b"\r\n"
    size = (STATIC / "samples" / "tour.mp4").stat().st_size
    before = open_connections(live)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", live.port))
        # More than the system's buffers hold.
        connection.sendall(request if extra else request * (20_000_000 // size))
        if not extra:
            eventually(lambda: open_connections(live) == before + 1)
        eventually(lambda: open_connections(live) == before)


def test_past_the_limit_a_connection_is_refused_at_once(live: StubServer, limits: pytest.MonkeyPatch) -> None:
    assert live.client.get("/health").status_code == 200
    taken = open_connections(live)
    held = [connect(live) for _ in range(20 - taken)]
    eventually(lambda: open_connections(live) == 20)
    refused = live.metric("r3d_connections_refused_total") or 0
    with connect(live) as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 503")
    assert live.metric("r3d_connections_refused_total") == refused + 1
    assert live.client.get("/health").status_code == 200, "the others are served"
    held.pop().close()
    eventually(lambda: open_connections(live) == 19)
    with connect(live, HEALTH) as connection:
        assert answer_of(connection).startswith(b"HTTP/1.1 200")
    for each in held:
        each.close()


def test_a_client_that_is_refused_is_told_when_to_come_again(model_directory: Path, video: Path) -> None:
    """Though it sends its request, which nobody reads, before it looks for an answer."""
    with StubServer(Settings(model=model_directory, max_connections=1)) as live:
        refused = httpx.post(live.url + "/classify", files={"file": video.read_bytes()})
        problem(refused, 503, "too-many-connections")
        assert refused.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("sent", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", 400, "bad-request"),
        (b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "bad-request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not-implemented"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000, 431, "headers-too-large"),
    ],
)
def test_what_is_no_request_is_answered_with_a_problem(live: StubServer, sent: bytes, status: int, slug: str) -> None:
    with connect(live, sent) as connection:
        head, _, body = rest_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    headers = {line.split(b": ")[0].lower(): line.split(b": ")[1] for line in head.split(b"\r\n")[1:]}
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"connection"] == b"close"
    told = json.loads(body)
    assert (told["status"], told["type"]) == (status, f"urn:r3d:problem:{slug}")
    assert told["request_id"].encode() == headers[b"x-request-id"]


def test_a_broken_body_is_answered_with_a_problem(live: StubServer) -> None:
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with connect(live, head + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n") as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 400")
    eventually(lambda: live.lifecycle.admission.active == 0)
