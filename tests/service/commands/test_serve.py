"""`r3d-serve` as a user runs it."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine_builder.manifest import Manifest
from service import __version__
from service.classification.bundled_model import bundled_model
from service.settings import Settings

from ...support.fake_gpu_packages import engine
from ...support.programs import finished, serving
from ...support.videos import write_video
from ...support.waiting import eventually


def test_the_bundled_model_is_built_the_first_time(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(XDG_CACHE_HOME=str(tmp_path)) as served:
        served.wait_ready()
        answer = served.post(video.read_bytes())
        assert answer.status_code == 200
        assert answer.json()["model"]["name"].startswith("camera-motion")
    [built] = (tmp_path / "r3d").glob("camera-motion-*")
    before = (built / "model.json").stat().st_mtime_ns
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bundled_model() == built
    assert (built / "model.json").stat().st_mtime_ns == before


def test_it_stops_when_the_model_does_not_load(tmp_path: Path) -> None:
    done = finished("r3d-serve", "--port", "0", "--model", str(tmp_path))
    assert done.returncode == 1
    assert f"failed: {tmp_path}/model.json: No such file or directory" in done.stderr.splitlines()[-1]
    assert done.stderr.count("No such file or directory") == 1


def test_a_port_in_use_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = finished("r3d-serve", "--port", str(port), "--model", str(tmp_path))
    assert done.returncode == 1
    said = f"r3d-serve: 127.0.0.1:{port}: the port is in use; stop what uses it, or name another with --port\n"
    assert done.stderr == said


def test_the_last_line_of_a_start_is_the_address(model_directory: Path) -> None:
    with serving("--model", str(model_directory)) as served:
        assert served.client.get("/health").json()["status"] == "ready"
        last = json.loads(served.log[-1])
    assert last["message"] == f"ready: {served.url}"


def test_its_help_has_every_setting() -> None:
    done = finished("r3d-serve", "--help", COLUMNS="200")
    assert done.returncode == 0
    for name, field in Settings.model_fields.items():
        [line] = [line for line in done.stdout.splitlines() if f" R3D_{name.upper()} " in line]
        assert str(field.description)[:20] in line
    assert re.search(r"R3D_MAX_BATCH +32 ", done.stdout)


@pytest.mark.parametrize("name", ["r3d-serve", "r3d-classify", "r3d-engine"])
def test_every_command_has_a_version_and_completion(name: str) -> None:
    assert finished(name, "--version").stdout == f"r3d {__version__}\n"
    asking = {f"_{name.replace('-', '_').upper()}_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    done = finished(name, COMP_WORDS=f"{name} --vers", **asking)
    assert done.stdout.split() == ["--version"]


def test_running_requests_are_finished_on_sigterm(model_directory: Path, tmp_path: Path) -> None:
    content = write_video(tmp_path / "long.mp4", 32 * 40, size=(64, 48)).read_bytes()
    with serving("--model", str(model_directory)) as served, ThreadPoolExecutor(1) as thread:
        served.wait_ready()
        running = thread.submit(served.post, content)
        eventually(lambda: served.metric("r3d_clips_classified_total"))
        served.process.send_signal(signal.SIGTERM)
        assert served.wait_ready("draining").status_code == 503
        refused = served.post(b"x")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:r3d:problem:not-ready")
        assert not running.done()
        assert len(running.result(30).json()["clips"]) == 40
        assert served.wait() == 0


GPU_SERVER = """
import sys
import pytest
from tests.support.fake_cuda import Machine
from tests.support.fake_gpu_packages import install
install(pytest.MonkeyPatch(), Machine(["NVIDIA L4"]))
from service.commands.serve import main
sys.argv = ["r3d-serve", "--port", "0", "--model", sys.argv[1]]
main()
"""


def test_a_damaged_engine_ends_the_start_with_a_reason(model_directory: Path, tmp_path: Path) -> None:
    """With status 1: PyCUDA, and its stand-in, would end it with SIGABRT if a context were left."""
    content = b"damaged"
    (tmp_path / "model.onnx").symlink_to(model_directory / "model.onnx")
    (tmp_path / "model.fp16.engine").write_bytes(content)
    entry = engine(sha256=hashlib.sha256(content).hexdigest())
    Manifest.load(model_directory).model_copy(update={"engines": (entry,)}).save(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", GPU_SERVER, str(tmp_path)],
        env=os.environ | {"R3D_BACKEND": "tensorrt"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "failed: the backend does not load: tensorrt cannot load model.fp16.engine" in done.stderr.splitlines()[-1]
