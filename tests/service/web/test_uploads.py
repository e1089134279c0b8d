"""Uploads that misbehave, byte by byte, through a real server."""

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from service.settings import Settings
from service.web.uploads.spool import LOCK, PREFIX

from ...support.live_server import LiveServer
from ...support.stubs import BrightnessBackend, factory_of
from ...support.videos import write_video

LIMIT = 2_000_000
STALL = 1.0
HEAD = (
    "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n{extra}\r\n"
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
)
END = b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def live(model_directory: Path) -> Iterator[LiveServer]:
    settings = Settings(model=model_directory, max_upload_bytes=LIMIT, upload_timeout_seconds=STALL)
    with LiveServer(settings, factory_of(BrightnessBackend())) as server:
        server.wait_ready()
        yield server


def uploads() -> list[Path]:
    return [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/*") if path.name != LOCK]


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def start(live: LiveServer, extra: str, body: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=20)
    connection.sendall(HEAD.format(extra=extra).encode() + body)
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


def test_an_endless_body_is_refused_and_closed(live: LiveServer) -> None:
    first = HEAD.format(extra="Transfer-Encoding: chunked\r\n").encode()
    head, _, part = first.partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(head + b"\r\n\r\n" + chunk(part))
        sent, piece = 0, bytes(65536)
        try:
            while sent < 100 * LIMIT:
                connection.sendall(chunk(piece))
                sent += len(piece)
        except OSError:
            pass
        assert sent < 10 * LIMIT, "it was read on and on"
    assert uploads() == []


def test_a_large_body_gets_413(live: LiveServer) -> None:
    with start(live, f"Content-Length: {LIMIT * 2}\r\n", bytes(LIMIT + 1000)) as connection:
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("claimed", [10**15, LIMIT * 2])
def test_a_claimed_length_is_not_believed(live: LiveServer, claimed: int) -> None:
    """Nothing is set aside for it, and what stays out is a stall."""
    with start(live, f"Content-Length: {claimed}\r\n", b"x" * 100) as connection:
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_chunked_upload_works(live: LiveServer, video: Path) -> None:
    first = HEAD.format(extra="Transfer-Encoding: chunked\r\n").encode()
    head, _, part = first.partition(b"\r\n\r\n")
    content = part + video.read_bytes() + END
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(head + b"\r\n\r\n")
        for begin in range(0, len(content), 1000):
            connection.sendall(chunk(content[begin : begin + 1000]))
        connection.sendall(b"0\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_a_stalled_upload_is_closed(live: LiveServer) -> None:
    started = time.monotonic()
    with start(live, "Content-Length: 1000\r\n") as connection:
        answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 408")
        assert connection.recv(100) == b""
    assert STALL <= time.monotonic() - started < STALL + 2
    assert uploads() == []


def test_50_stalled_uploads_hold_nobody_up(model_directory: Path, video: Path) -> None:
    with LiveServer(Settings(model=model_directory), factory_of(BrightnessBackend())) as live:
        live.wait_ready()
        alone = [_timed(live, video) for _ in range(5)]
        stalled = [start(live, "Content-Length: 100000\r\n", b"x" * 5000) for _ in range(50)]
        until(lambda: len(uploads()) == 50, 10)
        started = time.monotonic()
        assert live.client.get("/health").status_code == 200
        assert time.monotonic() - started < 1
        beside = [_timed(live, video) for _ in range(5)]
        assert sorted(beside)[2] < max(1.0, sorted(alone)[2] * 5)
        for connection in stalled:
            connection.close()
        until(lambda: uploads() == [], 10)


def _timed(live: LiveServer, video: Path) -> float:
    started = time.monotonic()
    assert live.post(video.read_bytes()).status_code == 200
    return time.monotonic() - started


def test_a_client_that_leaves_while_uploading_leaves_nothing(live: LiveServer) -> None:
    with start(live, "Content-Length: 100000\r\n", b"x" * 5000):
        until(lambda: len(uploads()) == 1, 5)
    until(lambda: uploads() == [], 1)
    until(lambda: live.lifecycle.admission.active == 0, 1)


def test_a_client_that_leaves_stops_the_decoding(model_directory: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 100, size=(64, 48)).read_bytes()
    entered, opened, armed = threading.Event(), threading.Event(), threading.Event()

    def before(_: object) -> None:
        if armed.is_set():
            entered.set()
            assert opened.wait(20)

    backend = BrightnessBackend(max_batch=1, before=before)
    with LiveServer(Settings(model=model_directory), factory_of(backend)) as live:
        live.wait_ready()
        armed.set()
        [server] = _decoders(live)
        part = HEAD.partition("{extra}\r\n")[2]
        with start(live, f"Content-Length: {len(part) + len(video) + len(END)}\r\n", video + END):
            assert entered.wait(10)
            until(lambda: len(server.children()) == 1, 5)
        left = time.monotonic()
        until(lambda: server.children() == [] and uploads() == [] and live.lifecycle.admission.active == 0, 1)
        assert time.monotonic() - left < 1
        computed = len(backend.batches)
        opened.set()
        armed.clear()
        time.sleep(0.2)
        assert len(backend.batches) == computed, "clips of a client that left were computed"


def _decoders(live: LiveServer) -> list[psutil.Process]:
    """The newest fork server: that of the server under test."""
    servers = [
        child for child in psutil.Process().children() if "service.decoding.fork_server" in " ".join(child.cmdline())
    ]
    return sorted(servers, key=lambda process: process.create_time())[-1:]


@pytest.mark.parametrize(
    "extra",
    [
        "X-Long: " + "a" * 100_000 + "\r\n",
        "".join(f"X-{number}: a\r\n" for number in range(5000)),
    ],
)
def test_large_headers_are_refused(live: LiveServer, extra: str) -> None:
    with start(live, extra) as connection:
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert live.client.get("/health").status_code == 200


def test_a_request_id_is_taken_given_and_answered(live: LiveServer) -> None:
    answer = live.client.post("/classify", headers={"X-Request-ID": "abc-1.2_3"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "abc-1.2_3"
    for indecent in ("a b", "x" * 65, "<script>", ""):
        answer = live.client.get("/health", headers={"X-Request-ID": indecent})
        assert len(answer.headers["x-request-id"]) == 32
