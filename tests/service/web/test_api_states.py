"""What is answered while the service is not simply ready: starting, draining, failed, full, too late."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from engine_builder.manifest import Frames
from service.errors import BackendLostError
from service.inference.backends.protocol import Backend
from service.inference.selection import Choice
from service.settings import Settings

from ...support.client import problem
from ...support.live_server import LiveServer, StubServer
from ...support.stubs import BrightnessBackend, Gate, factory_of
from ...support.waiting import eventually


@contextmanager
def loading(model: Path) -> Iterator[tuple[LiveServer, threading.Event]]:
    """A server whose backend is loaded when the event is set, at the end of the block at the latest."""
    go = threading.Event()

    def factory() -> Backend:
        assert go.wait(20)
        return BrightnessBackend()

    with LiveServer(Settings(model=model), factory) as live:
        try:
            yield live, go
        finally:
            go.set()


def test_starting_then_ready(model_directory: Path, video: Path) -> None:
    with loading(model_directory) as (live, go):
        assert live.client.get("/health").status_code == 503
        assert live.wait_ready("starting").json()["model"] is None
        problem(live.post(video.read_bytes()), 503, "not-ready")
        problem(live.client.get("/labels"), 503, "not-ready")
        go.set()
        live.wait_ready()
        assert live.post(video.read_bytes()).status_code == 200


def test_draining_before_the_model_is_loaded(model_directory: Path) -> None:
    with loading(model_directory) as (live, _):
        live.lifecycle.drain()
        health = live.wait_ready("draining")
        assert (health.status_code, health.json()["model"]) == (503, None)


def test_who_comes_while_it_drains_is_told_to_come_again_on_another_connection(
    model_directory: Path, video: Path
) -> None:
    with StubServer(Settings(model=model_directory)) as live:
        live.lifecycle.drain()
        refused = live.post(video.read_bytes())
        problem(refused, 503, "not-ready")
        assert (refused.headers["retry-after"], refused.headers["connection"]) == ("5", "close")


def test_a_request_that_the_end_of_the_drain_cuts_off_is_told_to_come_again(model_directory: Path, video: Path) -> None:
    with StubServer(Settings(model=model_directory)) as live, ThreadPoolExecutor(1) as thread:
        live.gate.close()
        running = thread.submit(live.post, video.read_bytes())
        live.gate.wait_held()
        live.lifecycle.drain()
        live.server._loop.call_soon_threadsafe(live.lifecycle.aborted.set)  # type: ignore[union-attr]
        cut_off = running.result(20)
        problem(cut_off, 503, "not-ready")
        assert (cut_off.headers["retry-after"], cut_off.headers["connection"]) == ("5", "close")


@contextmanager
def uploading(live: LiveServer, length: int, content: bytes) -> Iterator[socket.socket]:
    """A connection with the head of a request and some of its body sent."""
    head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as connection:
        connection.sendall(head.encode() + content)
        yield connection


def answer_to(connection: socket.socket) -> httpx.Response:
    """All that comes until the connection is closed."""
    received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


def test_an_upload_that_the_end_of_the_drain_cuts_off_is_told_so(model_directory: Path) -> None:
    """Whether it pauses or goes on all the time."""
    with StubServer(Settings(model=model_directory, drain_seconds=0.1)) as live, ExitStack() as stack:
        pausing = stack.enter_context(uploading(live, 10_000, bytes(5_000)))
        busy = stack.enter_context(uploading(live, 200_000_000, b""))
        ended = threading.Event()
        stack.callback(ended.set)

        def send_on() -> None:
            with suppress(OSError):
                while not ended.is_set():
                    busy.sendall(bytes(1_000_000))

        thread = stack.enter_context(ThreadPoolExecutor(1))
        thread.submit(send_on)
        eventually(lambda: live.lifecycle.admission.active == 2)
        live.server._loop.call_soon_threadsafe(live.server._begin_drain)  # type: ignore[union-attr]
        for connection in (pausing, busy):
            answer = answer_to(connection)
            ended.set()
            problem(answer, 503, "not-ready")
            assert (answer.headers["retry-after"], answer.headers["connection"]) == ("5", "close")


def test_an_answer_that_is_given_while_it_drains_closes_its_connection(model_directory: Path, video: Path) -> None:
    with StubServer(Settings(model=model_directory)) as live, ThreadPoolExecutor(1) as thread:
        assert "connection" not in live.post(video.read_bytes()).headers
        live.gate.close()
        running = thread.submit(live.post, video.read_bytes())
        live.gate.wait_held()
        live.lifecycle.drain()
        live.gate.open()
        answer = running.result(20)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_a_lost_backend_ends_the_server_once_it_has_answered(model_directory: Path, video: Path) -> None:
    """A new process is what gets a lost GPU back; so the status says that it failed, and supervisors start one."""
    gate = Gate()

    def broken(frames: Frames) -> None:
        gate(frames)
        raise BackendLostError("device lost")

    backend = BrightnessBackend(max_batch=1)
    with LiveServer(Settings(model=model_directory), factory_of(backend)) as live, ThreadPoolExecutor(3) as threads:
        live.wait_ready()
        gate.close()
        backend.before = broken
        posts = [threads.submit(live.post, video.read_bytes()) for _ in range(3)]
        gate.wait_held()
        eventually(lambda: live.lifecycle.admission.active == 3)
        gate.open()
        assert sorted({post.result(30).status_code for post in posts}) in ([500], [500, 503])
        eventually(lambda: live.server.should_exit)
        assert live.server.failure is not None
        assert "device lost" in live.server.failure
        assert live.lifecycle.health[0] == "failed"
        assert live.lifecycle.refusal().headers == {"Retry-After": "5"}, "for the process that a supervisor starts"


def test_one_lost_device_of_two_is_told(model_directory: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(frames: Frames) -> None:
        if frames.any():  # not while it warms up
            raise BackendLostError("device lost")

    gate = Gate()
    bad, good = BrightnessBackend(max_batch=1, before=lost), BrightnessBackend(max_batch=1, before=gate)
    two = Choice("stub", "fp32", "two devices", [factory_of(bad), factory_of(good)])
    monkeypatch.setattr("service.classification.classifier.ways", lambda *_: iter([two]))
    with LiveServer(Settings(model=model_directory)) as live, ThreadPoolExecutor(1) as thread:
        live.wait_ready()
        assert "r3d_workers 2.0" in live.client.get("/metrics").text
        gate.close()  # so that the bad one has to take a clip
        post = thread.submit(live.post, video.read_bytes())
        health = live.wait_ready("degraded")
        gate.open()
        assert post.result(30).status_code == 500
        assert (health.status_code, health.json()["reason"]) == (200, "1 of 2 workers are left; the log says why")
        assert "r3d_workers 1.0" in live.client.get("/metrics").text
        assert live.post(video.read_bytes()).status_code == 200


def test_too_large_is_refused_at_the_limit(model_directory: Path, video: Path) -> None:
    content = video.read_bytes()
    size = len(httpx.Request("POST", "http://x", files={"file": ("clip.mp4", content)}).read())
    with StubServer(Settings(model=model_directory, max_upload_bytes=size)) as live:
        assert live.post(content).status_code == 200
        problem(live.post(content + b"x"), 413, "upload-too-large")


def test_the_queue_is_bounded(model_directory: Path, video: Path) -> None:
    settings = Settings(model=model_directory, queue_clips=4)
    with StubServer(settings) as live, ThreadPoolExecutor(1) as thread:
        live.gate.close()
        first = thread.submit(live.post, video.read_bytes())
        live.gate.wait_held()
        refused = live.post(video.read_bytes())
        problem(refused, 429, "queue-full")
        assert "connection" not in refused.headers, "the body was read past"
        assert int(refused.headers["retry-after"]) >= 1
        live.gate.open()
        assert first.result(20).status_code == 200


def test_the_deadline_ends_a_request(model_directory: Path, video: Path) -> None:
    with StubServer(Settings(model=model_directory, request_timeout_seconds=0.5)) as live:
        live.gate.close()
        problem(live.post(video.read_bytes()), 504, "deadline")
