"""The system around the service fails: no crash, a documented answer."""

import resource
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import psutil
import pytest

from service.web.uploads.spool import PREFIX

from ..support.processes import ROOT
from ..support.programs import Served, serving
from ..support.waiting import eventually

FFMPEG_FIXED = (62, 28, 102)  # libavcodec of FFmpeg 8.1.2; CVE-2026-8461 is in what came before


@pytest.fixture(scope="module")
def stored(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A server that keeps uploads in a directory of its own, which is named."""
    temporary = tmp_path_factory.mktemp("stored") / "tmp"
    temporary.mkdir()
    with serving("--model", str(model_directory), TMPDIR=str(temporary)) as served:
        served.wait_ready()
        yield served, temporary


def test_a_full_disk_is_507(stored: tuple[Served, Path], video: Path) -> None:
    """A limit on file size fails like a full disk."""
    served, _ = stored
    before = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (2 << 20, before[1]))
    answer = served.post(video.read_bytes() + bytes(4 << 20))
    assert answer.status_code == 507, answer.text
    assert answer.json()["type"] == "urn:r3d:problem:storage"
    assert served.post(video.read_bytes()).status_code == 200
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, before)


def test_no_temporary_directory_is_503(stored: tuple[Served, Path], video: Path) -> None:
    served, temporary = stored
    shutil.rmtree(temporary)
    answer = served.post(video.read_bytes())
    assert answer.status_code == 503
    assert "cannot be stored" in answer.json()["detail"]
    temporary.mkdir()
    assert served.post(video.read_bytes()).status_code == 200


def test_sigkill_leaves_no_process_and_the_next_start_no_file(
    model_directory: Path, long_video: Path, tmp_path: Path
) -> None:
    with serving("--model", str(model_directory), TMPDIR=str(tmp_path)) as served, ThreadPoolExecutor(1) as thread:
        served.wait_ready()
        running = thread.submit(served.post, long_video.read_bytes())
        eventually(served.decoders)
        children = psutil.Process(served.process.pid).children(recursive=True)
        assert len(children) == 2
        served.process.kill()
        assert served.wait() == -signal.SIGKILL
        assert psutil.wait_procs(children, timeout=5)[1] == []
        assert running.exception(5) is not None
    assert len(list(tmp_path.glob(f"{PREFIX}*/*/video"))) == 1
    with serving("--model", str(model_directory), TMPDIR=str(tmp_path)) as served:
        served.wait_ready()
        assert list(tmp_path.glob(f"{PREFIX}*/*/video")) == []


def test_a_second_sigterm_does_not_wait_for_the_drain(model_directory: Path, long_video: Path) -> None:
    drain = 60.0
    model = ("--model", str(model_directory))
    with serving(*model, R3D_DRAIN_SECONDS=f"{drain}") as served, ThreadPoolExecutor(1) as thread:
        served.wait_ready()
        running = thread.submit(served.post, long_video.read_bytes())
        eventually(lambda: served.metric("r3d_clips_classified_total"))
        served.process.send_signal(signal.SIGTERM)
        served.wait_ready("draining")
        assert not running.done()
        started = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == -signal.SIGTERM
        assert time.monotonic() - started < drain / 6
        answer = running.result(5)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the server is shutting down")


HELD_SERVER = """#!{python}
import time
from service.commands import serve
from service.web.app import create_app
from tests.support.stubs import BrightnessBackend, factory_of

passed = []

def hold(frames):
    if frames.any():  # not while it warms up
        passed.append(frames)
        if len(passed) > 1:
            time.sleep(60)

serve.create_app = lambda settings: create_app(settings, factory_of(BrightnessBackend(max_batch=1, before=hold)))
serve.main()
"""


def test_a_second_sigterm_waits_for_nothing(model_directory: Path, long_video: Path, tmp_path: Path) -> None:
    """Not for a batch that takes a minute. Who waits is told so: a live answer in a line, an upload in a problem."""
    script = tmp_path / "held-serve"
    script.write_text(HELD_SERVER.format(python=sys.executable))
    script.chmod(0o700)
    arguments, content = ("--model", str(model_directory)), long_video.read_bytes()
    with (
        serving(*arguments, executable=str(script), PYTHONPATH=str(ROOT), R3D_DRAIN_SECONDS="60") as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=20) as uploading,
    ):
        served.wait_ready()
        with served.live(content) as lines:
            assert next(lines)["event"] == "clip"
            head = "POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\nContent-Length: 9999\r\n\r\n"
            uploading.sendall(head.encode() + bytes(99))
            eventually(lambda: served.metric("r3d_requests_in_progress") == 2)
            children = psutil.Process(served.process.pid).children(recursive=True)
            served.process.send_signal(signal.SIGTERM)
            served.wait_ready("draining")
            started = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            [last] = lines
        answer = b"".join(iter(lambda: uploading.recv(65536), b""))
        assert served.wait() == -signal.SIGTERM
        assert time.monotonic() - started < 10, "it takes about one second where nothing else runs"
        assert (last["event"], last["status"], last["type"]) == ("error", 503, "urn:r3d:problem:not-ready")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"urn:r3d:problem:not-ready" in answer
        assert psutil.wait_procs(children, timeout=5)[1] == []


def test_requests_that_outlast_the_drain_end_with_an_error(
    model_directory: Path, long_video: Path, tmp_path: Path
) -> None:
    """One gets it as its status, the other, a live answer, as its last line."""
    content, model = long_video.read_bytes(), ("--model", str(model_directory))
    with (
        serving(*model, R3D_DRAIN_SECONDS="0.5", TMPDIR=str(tmp_path)) as served,
        ThreadPoolExecutor(1) as thread,
    ):
        served.wait_ready()
        running = thread.submit(served.post, content)
        with served.live(content) as lines:
            assert next(lines)["event"] == "clip"
            eventually(lambda: served.metric("r3d_requests_in_progress") == 2)
            served.process.send_signal(signal.SIGTERM)
            *_, last = lines
        answer = running.result(10).json()
        assert running.result().status_code == 503
        assert (last["event"], last["status"]) == ("error", 503)
        assert answer["detail"] == last["detail"] == "the server is shutting down"
        assert served.wait() == 0
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_the_bundled_ffmpeg_is_not_known_to_be_vulnerable() -> None:
    assert av.library_versions["libavcodec"] >= FFMPEG_FIXED
