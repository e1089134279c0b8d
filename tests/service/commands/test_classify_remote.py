"""`r3d-classify --server`, against services that listen."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from service.api.schemas import ClassifyAnswer
from service.settings import Settings

from ...support.http_server import serving
from ...support.live_server import API_KEY, StubServer
from ...support.programs import Call, json_lines, program
from ...support.programs import serving as serving_program
from ...support.waiting import eventually


def test_a_service_classifies(classify: Call, locked: StubServer, video: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"text")
    files = [str(video), str(tmp_path / "bad.mp4")]
    address = locked.url.removeprefix("http://")
    status, output, errors = classify("--server", address, "--json", "--top-k", "2", *files, R3D_API_KEY=API_KEY)
    assert status == 1
    first, second = map(json.loads, output.splitlines())
    answer = ClassifyAnswer(**first)
    assert (second["file"], second["problem"]["status"]) == (f"{tmp_path}/bad.mp4", 415)
    assert (len(answer.clips), len(answer.clips[0].top), answer.model.backend) == (2, 2, "brightness")
    assert f"{tmp_path}/bad.mp4: this is text" in errors


def test_a_service_tells_embeddings(classify: Call, locked: StubServer, video: Path) -> None:
    status, output, _ = classify("--server", locked.url, "--json", "--embedding", str(video), R3D_API_KEY=API_KEY)
    assert status == 0
    clips = ClassifyAnswer.model_validate_json(output).clips
    assert [len(clip.embedding) for clip in clips if clip.embedding is not None] == [64, 64]


def test_a_key_that_is_not_taken(classify: Call, locked: StubServer, video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    status, _, errors = classify("--server", locked.url, "--out", str(out), str(video), R3D_API_KEY="another")
    assert (status, errors) == (3, "r3d-classify: the API key is missing or wrong: give it by --key or R3D_API_KEY\n")
    assert out.read_text() == "", "a file that was not looked at is no result"


@contextmanager
def another_server() -> Iterator[str]:
    """A server that is not this service: it answers every POST with a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield url


def test_nobody_there_and_somebody_else_there(classify: Call, video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with another_server() as url:
        status, _, errors = classify("--server", url, "--out", str(out), str(video))
    said = f"r3d-classify: {url}/v1/classify does not answer as this service does (200)\n"
    assert (status, errors) == (3, said)
    status, _, errors = classify("--server", url, "--out", str(out), str(video))
    assert (status, errors) == (3, f"r3d-classify: {url}: All connection attempts failed\n")
    assert out.read_text() == "", "a file that was not looked at is no result"


def test_an_address_below_the_services(classify: Call, locked: StubServer, video: Path) -> None:
    status, _, errors = classify("--server", f"{locked.url}/static", str(video), R3D_API_KEY=API_KEY)
    said = f"r3d-classify: {locked.url}/static/v1/classify does not answer as this service does (405)\n"
    assert (status, errors) == (3, said)


def test_an_archive_goes_on_when_a_service_that_was_restarted_is_back(
    classify: Call, model_directory: Path, video: Path, tmp_path: Path
) -> None:
    """It drains in the midst of the archive, is gone for a while, and comes back on its port."""
    files = [tmp_path / f"{number}.mp4" for number in range(6)]
    for file in files:
        file.write_bytes(video.read_bytes())
    listed, out = tmp_path / "list", tmp_path / "out.jsonl"
    listed.write_text("\n".join(map(str, files)))

    def some_are_through() -> bool:
        return out.exists() and out.read_bytes().count(b"\n") >= 2

    with serving_program("--model", str(model_directory)) as first:
        first.wait_ready()
        port, command = first.port, [program("r3d-classify"), "--server", f"127.0.0.1:{first.port}"]
        process = subprocess.Popen([*command, "--from", str(listed), "--out", str(out), "--jobs", "2"])
        eventually(some_are_through, seconds=30)
        assert first.stop() == 0
    with process, serving_program("--port", str(port), "--model", str(model_directory)):
        assert process.wait(90) == 0
    found = json_lines(out)
    assert sorted(each["file"] for each in found) == sorted(map(str, files)), "each once"
    assert all("result" in each for each in found)


@contextmanager
def proxy_that_is_away_at_first(target: str) -> Iterator[str]:
    """What stands before a service: pages of its own, two errors and a cut connection, then the service's answers."""
    faults = iter([(502, {}), (503, {"Retry-After": "1"}), None])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = next(faults, (200, {}))
            if fault is None:
                self.close_connection = True
            elif fault[0] == 200:
                headers = {name: self.headers[name] for name in ("Content-Type", "Accept")}
                self.answer(200, {}, httpx.post(f"{target}{self.path}", content=body, headers=headers).content)
            else:
                self.answer(*fault, b"<html>Bad Gateway</html>")

        def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield url


def test_what_a_proxy_says_while_its_service_is_away_is_waited_out(
    classify: Call, stub_server: StubServer, video: Path
) -> None:
    with proxy_that_is_away_at_first(stub_server.url) as url:
        status, output, errors = classify("--json", "--server", url, str(video))
    assert (status, errors) == (0, "")
    assert len(json.loads(output)["clips"]) == 2


def test_a_long_file_is_a_request_where_a_proxy_hides_health(
    classify: Call, stub_server: StubServer, long_file: Path
) -> None:
    with proxy_that_is_away_at_first(stub_server.url) as url:
        status, output, errors = classify("--json", "--server", url, str(long_file))
    assert (status, errors) == (0, "")
    assert len(json.loads(output)["clips"]) == 2


@pytest.mark.parametrize(("ended_by", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_run_that_is_killed_in_a_long_file_is_taken_up_by_the_next(
    model_directory: Path, long_file: Path, tmp_path: Path, ended_by: signal.Signals, status: int
) -> None:
    out = tmp_path / "out.jsonl"

    def attempts() -> float | None:
        return live.metric("r3d_jobs_attempts_total", outcome="succeeded")

    with StubServer(Settings(model=model_directory)) as live:
        command = [program("r3d-classify"), "--server", live.url, "--out", str(out), str(long_file)]
        live.gate.close(after=1)
        # Shells have what they start in the background ignore SIGINT, the tests too.
        with subprocess.Popen(["env", "--default-signal=INT", *command], stderr=subprocess.PIPE, text=True) as process:
            live.gate.wait_held()
            process.send_signal(ended_by)
            _, told = process.communicate(timeout=10)
            assert process.returncode == status
            assert ("the same command goes on" in told) == (ended_by == signal.SIGINT)
        assert (out.read_bytes(), attempts()) == (b"", None)
        live.gate.open()
        eventually(attempts)
        assert subprocess.run(command, check=True, timeout=30).returncode == 0
        assert (len(json_lines(out)), attempts()) == (1, 1)


def test_a_busy_service_is_asked_again(model_directory: Path, video: Path, tmp_path: Path) -> None:
    """A service that takes one request at a time, and two files at a time for it."""
    copies = [tmp_path / f"{number}.mp4" for number in range(2)]
    for copy in copies:
        copy.write_bytes(video.read_bytes())
    out = tmp_path / "out.jsonl"
    with StubServer(Settings(model=model_directory, queue_clips=4)) as live:
        live.gate.close()
        command = [program("r3d-classify"), "--server", live.url, "--jobs", "2", "--out", str(out), *map(str, copies)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            eventually(lambda: live.metric("r3d_requests_total", outcome="queue-full") == 1)
            live.gate.open()
            assert process.wait(30) == 0, process.stderr and process.stderr.read()
    found = json_lines(out)
    assert sorted(each["file"] for each in found) == sorted(map(str, copies))
    assert all("result" in each for each in found)
