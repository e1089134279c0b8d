"""`r3d-serve` and `r3d-classify` as a user runs them."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ...support.videos import write_video


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`r3d-serve` on a free port: the process and its address."""
    command = [program("r3d-serve"), "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        try:
            yield process, _address(process)
        finally:
            process.kill()


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://[\d.:]+", line):
            return found[0]
    raise AssertionError(f"r3d-serve ended with {process.wait()}")


def wait_ready(address: str) -> None:
    for _ in range(300):
        if httpx.get(f"{address}/health").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("not ready")


def test_serve_builds_the_bundled_model_the_first_time(tmp_path: Path, video: Path) -> None:
    with serving(XDG_CACHE_HOME=str(tmp_path)) as (_, address):
        wait_ready(address)
        answer = httpx.post(f"{address}/classify", files={"file": video.read_bytes()}, timeout=30)
        assert answer.status_code == 200
        assert answer.json()["model"]["name"].startswith("camera-motion")
    [built] = (tmp_path / "r3d").iterdir()
    before = (built / "model.json").stat().st_mtime_ns
    with serving(XDG_CACHE_HOME=str(tmp_path)) as (_, address):
        wait_ready(address)
    assert (built / "model.json").stat().st_mtime_ns == before


def test_serve_stops_when_the_model_does_not_load(tmp_path: Path) -> None:
    done = subprocess.run(
        [program("r3d-serve"), "--port", "0", "--model", str(tmp_path)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"r3d-serve: {tmp_path}/model.json: No such file or directory" in done.stderr


def test_serve_finishes_running_requests_on_sigterm(model_directory: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", 32 * 40)
    with serving("--model", str(model_directory)) as (process, address):
        wait_ready(address)
        curl = ["curl", "-s", "-F", f"file=@{video}", f"{address}/classify"]
        with subprocess.Popen(curl, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            time.sleep(0.7)
            assert not select.select([client.stdout], [], [], 0)[0], "the request ended before the signal"
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            health = httpx.get(f"{address}/health")
            assert (health.status_code, health.json()["status"]) == (503, "draining")
            refused = httpx.post(f"{address}/classify", files={"file": b"x"})
            assert refused.status_code == 503
            body = json.loads(client.stdout.read())
        assert len(body["clips"]) == 40
        assert process.wait(10) == 0


def test_classify_files_as_json(model_directory: Path, video: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.avi", 40, ("-c:v", "mpeg4"))
    command = [program("r3d-classify"), "--json", "--model", str(model_directory), str(video), str(other)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["video"]["codec"], second["video"]["codec"]) == ("h264", "mpeg4")
    assert [len(answer["clips"]) for answer in (first, second)] == [2, 1]


def test_classify_shows_a_table(model_directory: Path, video: Path) -> None:
    command = [program("r3d-classify"), "--model", str(model_directory), str(video)]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert done.returncode == 0
    assert "0.00 – 1.28" in done.stdout
    assert re.search(r"[a-z ]+: \d of 2 clips, confidence 0\.\d\d", done.stdout)


def test_classify_says_what_failed_and_goes_on(model_directory: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_text("text")
    command = [
        program("r3d-classify"),
        "--json",
        "--model",
        str(model_directory),
        str(tmp_path / "bad.mp4"),
        str(video),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"{tmp_path}/bad.mp4: this is text" in done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "status"), [(["none.mp4"], 2), ([], 2)])
def test_classify_bad_usage(arguments: list[str], status: int) -> None:
    done = subprocess.run([program("r3d-classify"), *arguments], capture_output=True, timeout=30, check=False)
    assert done.returncode == status


def test_classify_without_a_model_that_loads(video: Path, tmp_path: Path) -> None:
    command = [program("r3d-classify"), "--model", str(tmp_path), str(video)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert "model.json" in done.stderr
