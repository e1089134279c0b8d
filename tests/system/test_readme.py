"""The README's examples for clients, run as they stand against a listening server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from service.web.page import STATIC

from ..support.live_server import LiveServer

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.split("\n## Clients\n", 1)[1].split("\n## ", 1)[0]
ADDRESS = "http://127.0.0.1:8000"


def example(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    return str(found)


def run(command: list[str], code: str, server: LiveServer, folder: Path) -> str:
    shutil.copy(STATIC / "samples" / "tour.mp4", folder / "video.mp4")
    assert ADDRESS in code
    code = code.replace(ADDRESS, server.url)
    done = subprocess.run(command, input=code, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", example("sh").strip().splitlines())
def test_shell(command: str, server: LiveServer, tmp_path: Path) -> None:
    programs = str(Path(sys.executable).parent)
    output = run(["sh", "-e"], f"PATH={programs}:$PATH\n{command}", server, tmp_path)
    assert "pan right" in output


def test_python(server: LiveServer, tmp_path: Path) -> None:
    output = run([sys.executable, "-"], example("python"), server, tmp_path)
    assert output.splitlines()[0].startswith("0.00 s: pan right")
    assert output.splitlines()[-1] == "pan right, 4 of 12 clips"


def test_javascript(server: LiveServer, tmp_path: Path) -> None:
    node, _ = compute_driver_executable()
    output = run([str(node), "--input-type=module", "-"], example("js"), server, tmp_path)
    assert output.splitlines()[-1] == "pan right, 4 of 12 clips"
