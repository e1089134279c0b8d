"""Uploads that misbehave, byte by byte, through a real server."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from service.web import admission
from service.web.uploads import discard, patience

from ...support.live_server import StubServer, uploads
from ...support.waiting import eventually

LIMIT = 2_000_000
STALL = 1.0
HEAD = (
    "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n{extra}\r\n"
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
)
END = b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def live(model_directory: Path) -> Iterator[StubServer]:
    with StubServer(Settings(model=model_directory, max_upload_bytes=LIMIT, upload_timeout_seconds=STALL)) as server:
        yield server


def start(live: StubServer, extra: str, body: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=20)
    connection.sendall(HEAD.format(extra=extra).encode() + body)
    return connection


def start_chunked(live: StubServer) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=20)
    head, _, part = HEAD.format(extra="Transfer-Encoding: chunked\r\n").encode().partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n\r\n" + chunk(part))
    return connection


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def answer_of(connection: socket.socket) -> bytes:
    """Everything until the server closes or the answer is whole."""
    found = b""
    while b"\r\n\r\n" not in found or not found.rstrip().endswith(b"}"):
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            break
        if not more:
            break
        found += more
    return found


def test_an_endless_body_is_refused_and_closed(live: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discard, "LINGER_BYTES", 5 * LIMIT)
    with start_chunked(live) as connection:
        sent, piece = 0, bytes(65536)
        try:
            while sent < 100 * LIMIT:
                connection.sendall(chunk(piece))
                sent += len(piece)
        except OSError:
            pass
        assert sent < 10 * LIMIT, "it was read on and on"
    assert uploads() == []


@pytest.mark.parametrize(("query", "status"), [("", 413), ("?start=20&end=1", 422)])
def test_a_client_that_looks_only_when_all_is_sent_has_its_answer(live: StubServer, query: str, status: int) -> None:
    """Of more than is read before an answer. httpx is such a client."""
    size = discard.MAX_BYTES + LIMIT
    answer = httpx.post(f"{live.url}/classify{query}", content=bytes(size), headers={"Content-Type": "video/mp4"})
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["Connection"] == "close"


def test_a_client_that_does_not_look_is_not_waited_for(live: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discard, "LINGER_SECONDS", 0.2)
    with start(live, f"Content-Length: {LIMIT * 2}\r\n", bytes(LIMIT + 1000)) as connection:
        assert answer_of(connection).startswith(b"HTTP/1.1 413")
        assert connection.recv(1) == b"", "closed"


def test_a_raw_body_has_the_same_limits(live: StubServer) -> None:
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(head % (LIMIT * 2) + bytes(LIMIT + 1000))
        assert b" 413 " in answer_of(connection)
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(head % LIMIT + b"some")
        assert b" 408 " in answer_of(connection)
    assert uploads() == []


def test_a_large_body_gets_413(live: StubServer) -> None:
    with start(live, f"Content-Length: {LIMIT * 2}\r\n", bytes(LIMIT + 1000)) as connection:
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


def test_a_claimed_length_is_not_believed(live: StubServer) -> None:
    """Nothing is set aside for it, and what stays out is a stall."""
    connections = [start(live, f"Content-Length: {claimed}\r\n", b"x" * 100) for claimed in (10**15, LIMIT * 2)]
    for connection in connections:
        with connection:
            assert answer_of(connection).startswith(b"HTTP/1.1 408")


def test_a_chunked_upload_works(live: StubServer, video: Path) -> None:
    content = video.read_bytes() + END
    with start_chunked(live) as connection:
        for begin in range(0, len(content), 1000):
            connection.sendall(chunk(content[begin : begin + 1000]))
        connection.sendall(b"0\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_a_stalled_upload_is_closed(live: StubServer) -> None:
    started = time.monotonic()
    with start(live, "Content-Length: 1000\r\n") as connection:
        answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 408")
        assert connection.recv(100) == b""
    assert STALL <= time.monotonic() - started < STALL + 2
    assert uploads() == []


def test_50_stalled_uploads_hold_nobody_up(gated: StubServer, video: Path) -> None:
    alone = [_timed(gated, video) for _ in range(5)]
    stalled = [start(gated, "Content-Length: 100000\r\n", b"x" * 5000) for _ in range(50)]
    eventually(lambda: len(uploads()) == 50)
    started = time.monotonic()
    assert gated.client.get("/health").status_code == 200
    assert time.monotonic() - started < 1
    beside = [_timed(gated, video) for _ in range(5)]
    assert sorted(beside)[2] < max(1.0, sorted(alone)[2] * 5)
    assert len(uploads()) == 50, "they are stalled still"
    for connection in stalled:
        connection.close()
    eventually(lambda: uploads() == [])


def _timed(live: StubServer, video: Path) -> float:
    started = time.monotonic()
    assert live.post(video.read_bytes()).status_code == 200
    return time.monotonic() - started


def test_a_client_that_leaves_while_uploading_leaves_nothing(live: StubServer) -> None:
    with start(live, "Content-Length: 100000\r\n", b"x" * 5000):
        eventually(lambda: len(uploads()) == 1)
    eventually(lambda: uploads() == [] and live.lifecycle.admission.active == 0, STALL / 2)


def test_a_client_that_leaves_stops_the_decoding(gated: StubServer, long_video: Path) -> None:
    content = long_video.read_bytes()
    part = HEAD.partition("{extra}\r\n")[2]
    gated.gate.close()
    with start(gated, f"Content-Length: {len(part) + len(content) + len(END)}\r\n", content + END):
        gated.gate.wait_held()
        assert len(gated.decoders()) == 1
        eventually(lambda: gated.metric("r3d_queue_clips") == 3)
        dropped = gated.metric("r3d_clips_dropped_total") or 0
    eventually(lambda: not gated.decoders() and uploads() == [] and gated.lifecycle.admission.active == 0, 1)
    computed = len(gated.backend.batches)
    gated.gate.open()
    eventually(lambda: gated.metric("r3d_clips_dropped_total") == dropped + 3)
    assert len(gated.backend.batches) == computed, "clips of a client that left were computed"


@pytest.mark.parametrize(
    "extra",
    [
        "X-Long: " + "a" * 100_000 + "\r\n",
        "".join(f"X-{number}: a\r\n" for number in range(5000)),
    ],
)
def test_large_headers_are_refused(live: StubServer, extra: str) -> None:
    with start(live, extra) as connection:
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    assert live.client.get("/health").status_code == 200


def test_a_request_id_is_taken_given_and_answered(live: StubServer) -> None:
    answer = live.client.post("/classify", headers={"X-Request-ID": "abc-1.2_3"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "abc-1.2_3"
    for indecent in ("a b", "x" * 65, "<script>", ""):
        answer = live.client.get("/health", headers={"X-Request-ID": indecent})
        assert len(answer.headers["x-request-id"]) == 32


def test_an_upload_that_drips_is_closed(live: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, but they are too few."""
    monkeypatch.setattr(patience, "WINDOW", 0.5)
    with start(live, "Content-Length: 1000\r\n") as connection:
        assert b"fewer than 1024 bytes a second" in drip_until_answered(connection, b"x")


def test_an_upload_that_takes_too_long_is_closed(model_directory: Path) -> None:
    with (
        StubServer(Settings(model=model_directory, upload_total_seconds=0.5)) as live,
        start(live, f"Content-Length: {LIMIT}\r\n") as connection,
    ):
        assert b"not complete after 0.5 s" in drip_until_answered(connection, bytes(2000))
        assert uploads() == []


def test_slow_uploads_leave_places_for_quick_ones(
    model_directory: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "QUICK_SECONDS", 0.2)
    with StubServer(Settings(model=model_directory, queue_clips=20)) as live, ExitStack() as stack:
        # So long that the refused one is answered without reading on.
        slow = [stack.enter_context(start(live, f"Content-Length: {10**9}\r\n")) for _ in range(5)]
        eventually(lambda: live.lifecycle.admission.active == 5)
        time.sleep(0.2)
        for connection in slow:
            connection.sendall(b"x")
        [refused] = eventually(lambda: select.select(slow, [], [], 0)[0])
        assert answer_of(refused).startswith(b"HTTP/1.1 429")
        assert live.post(video.read_bytes()).status_code == 200
        slow.remove(refused)
        assert select.select(slow, [], [], 0)[0] == [], "the others go on"


def drip_until_answered(connection: socket.socket, piece: bytes) -> bytes:
    """Send a piece every 50 ms until there is an answer."""
    for _ in range(200):
        connection.sendall(piece)
        if select.select([connection], [], [], 0.05)[0]:
            answer = answer_of(connection)
            assert answer.startswith(b"HTTP/1.1 408")
            return answer
    raise AssertionError("it was read on and on")
