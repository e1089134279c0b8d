"""The wheel, installed in a clean environment, serves."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ..support.clean_environment import add_requirements, environment_with
from ..support.processes import ROOT
from ..support.programs import serving


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)], check=True, timeout=110
    )
    [found] = folder.glob("r3d-*.whl")
    return found


def test_the_wheel_holds_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("labels/kinetics400.txt", "camera_motion/camera_motion.wts", "camera_motion/labels.txt"):
        assert f"engine_builder/{name}" in names
    assert not [name for name in names if not name.startswith(("service/", "engine_builder/", "r3d/", "r3d-"))]


def test_an_installed_wheel_serves_with_what_it_requires(
    wheel: Path, model_directory: Path, tmp_path: Path, video: Path
) -> None:
    site = environment_with(wheel, tmp_path / "venv")
    program = str(tmp_path / "venv" / "bin" / "r3d-serve")
    add_requirements(site)
    command = [program, "--port", "0", "--model", str(model_directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})
    assert done.returncode == 1
    assert "install the extra `cpu`" in done.stderr
    add_requirements(site, "cpu")
    cache = str(tmp_path / "cache")
    with serving(executable=program, cwd=tmp_path, PYTHONPATH="", XDG_CACHE_HOME=cache) as served:
        served.wait_ready()
        answer = served.post(video.read_bytes())
    assert answer.status_code == 200
    assert len(answer.json()["clips"]) == 2
