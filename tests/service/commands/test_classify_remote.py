"""`r3d-classify --server`, against services that listen."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from service.api.schemas import ClassifyAnswer
from service.settings import Settings

from ...support.http_server import serving
from ...support.live_server import API_KEY, StubServer
from ...support.programs import Call, json_lines, program
from ...support.waiting import eventually


def test_a_service_classifies(classify: Call, locked: StubServer, video: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"text")
    files = [str(video), str(tmp_path / "bad.mp4")]
    status, output, errors = classify("--server", locked.url, "--json", "--top-k", "2", *files, R3D_API_KEY=API_KEY)
    assert status == 1
    answer = ClassifyAnswer.model_validate_json(output)
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
    assert (status, errors) == (3, "r3d-classify: send the API key as `Authorization: Bearer KEY`\n")
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
    said = f"r3d-classify: {url}/classify does not answer as this service does (200)\n"
    assert (status, errors) == (3, said)
    status, _, errors = classify("--server", url, "--out", str(out), str(video))
    assert (status, errors) == (3, f"r3d-classify: {url}: All connection attempts failed\n")
    assert out.read_text() == "", "a file that was not looked at is no result"


def test_an_address_below_the_services(classify: Call, locked: StubServer, video: Path) -> None:
    status, _, errors = classify("--server", f"{locked.url}/static", str(video), R3D_API_KEY=API_KEY)
    said = f"r3d-classify: {locked.url}/static/classify does not answer as this service does (405)\n"
    assert (status, errors) == (3, said)


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
