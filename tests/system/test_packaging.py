"""The wheel, installed in a clean environment, serves."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from ..service.commands.test_serve import _address, wait_ready

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=110)
    [found] = folder.glob("r3d-*.whl")
    return found


def test_the_wheel_holds_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("labels/kinetics400.txt", "camera_motion/camera_motion.wts", "camera_motion/labels.txt"):
        assert f"engine_builder/{name}" in names
    assert not [name for name in names if not name.startswith(("service/", "engine_builder/", "r3d-"))]


@pytest.mark.timeout(300)
def test_an_installed_wheel_serves(wheel: Path, tmp_path: Path, video: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "-q", "-c", str(ROOT / "constraints.txt"), f"{wheel}[cpu]"]
    subprocess.run(pip, check=True, timeout=240)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "R3D_"))}
    variables["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    command = [str(environment / "bin" / "r3d-serve"), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables, cwd=tmp_path) as process:
        try:
            address = _address(process)
            wait_ready(address)
            answer = httpx.post(f"{address}/classify", files={"file": video.read_bytes()}, timeout=30)
        finally:
            process.kill()
    assert answer.status_code == 200
    assert len(answer.json()["clips"]) == 2
