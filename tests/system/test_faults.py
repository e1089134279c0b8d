"""The system around the service fails: no crash, a documented answer."""

import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import httpx
import psutil

from service.web.uploads.spool import PREFIX

from ..service.commands.test_serve import serving, wait_ready
from ..support.videos import write_video

FFMPEG_FIXED = (62, 28, 102)  # libavcodec of FFmpeg 8.1.2; CVE-2026-8461 is in what came before


def test_a_full_disk_is_507(model_directory: Path, video: Path, tmp_path: Path) -> None:
    """A limit on file size fails like a full disk."""
    large = tmp_path / "large.mp4"
    large.write_bytes(video.read_bytes() + bytes(4 << 20))
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, previous[1]))
    try:
        context = serving("--model", str(model_directory), TMPDIR=str(tmp_path))
        process, address = context.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)
    with process:
        wait_ready(address)
        answer = httpx.post(f"{address}/classify", files={"file": large.read_bytes()}, timeout=30)
        assert answer.status_code == 507, answer.text
        assert answer.json()["type"] == "urn:r3d:problem:storage"
        assert httpx.post(f"{address}/classify", files={"file": video.read_bytes()}, timeout=30).status_code == 200
        process.kill()


def test_no_temporary_directory_is_503(model_directory: Path, video: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with serving("--model", str(model_directory), TMPDIR=str(temporary)) as (_, address):
        wait_ready(address)
        for left in temporary.iterdir():
            left.unlink()
        temporary.rmdir()
        answer = httpx.post(f"{address}/classify", files={"file": video.read_bytes()}, timeout=30)
        assert answer.status_code == 503
        assert "cannot be stored" in answer.json()["detail"]
        temporary.mkdir()
        assert httpx.post(f"{address}/classify", files={"file": video.read_bytes()}, timeout=30).status_code == 200


def test_sigkill_leaves_no_process_and_the_next_start_no_file(model_directory: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 200)
    with serving("--model", str(model_directory), TMPDIR=str(tmp_path)) as (process, address):
        wait_ready(address)
        curl = ["curl", "-s", "-F", f"file=@{video}", f"{address}/classify"]
        with subprocess.Popen(curl, stdout=subprocess.DEVNULL):
            _wait_for(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 2)
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            assert psutil.wait_procs(children, timeout=5)[1] == []
    assert len(list(tmp_path.glob(f"{PREFIX}*/*/video"))) == 1
    with serving("--model", str(model_directory), TMPDIR=str(tmp_path)) as (_, address):
        wait_ready(address)
        assert list(tmp_path.glob(f"{PREFIX}*/*/video")) == []


def test_a_second_sigterm_stops_at_once(model_directory: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 200)
    with serving("--model", str(model_directory)) as (process, address):
        wait_ready(address)
        curl = ["curl", "-s", "-F", f"file=@{video}", f"{address}/classify"]
        with subprocess.Popen(curl, stdout=subprocess.DEVNULL) as client:
            _wait_for(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) is not None
            client.kill()


def test_requests_that_outlast_the_drain_get_an_error(model_directory: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 300)
    with serving("--model", str(model_directory), R3D_DRAIN_SECONDS="0.5", TMPDIR=str(tmp_path)) as (process, address):
        wait_ready(address)
        curl = ["curl", "-s", "-w", "%{http_code}", "-F", f"file=@{video}", f"{address}/classify"]
        with subprocess.Popen(curl, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            _wait_for(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 2)
            process.send_signal(signal.SIGTERM)
            answer = client.stdout.read()
        assert answer.endswith("503")
        assert "shutting down" in answer
        assert process.wait(10) == 0
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_a_live_answer_that_outlasts_the_drain_ends_with_an_error(model_directory: Path, tmp_path: Path) -> None:
    content = write_video(tmp_path / "long.mp4", 32 * 300).read_bytes()
    with serving("--model", str(model_directory), R3D_DRAIN_SECONDS="0.5") as (process, address):
        wait_ready(address)
        headers = {"Accept": "application/x-ndjson"}
        with httpx.stream(
            "POST", f"{address}/classify", files={"file": content}, headers=headers, timeout=30
        ) as answer:
            lines = answer.iter_lines()
            assert json.loads(next(lines))["event"] == "clip"
            process.send_signal(signal.SIGTERM)
            last = [json.loads(line) for line in lines][-1]
        assert (last["event"], last["status"]) == ("error", 503)
        assert "shutting down" in last["detail"]
        assert process.wait(10) == 0


def _wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_bundled_ffmpeg_is_not_known_to_be_vulnerable() -> None:
    [line] = [line for line in cv2.getBuildInformation().splitlines() if "avcodec:" in line]
    version = tuple(int(part) for part in line.split("(")[1].split(")")[0].split("."))
    assert version >= FFMPEG_FIXED
