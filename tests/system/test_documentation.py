"""The documentation's examples for clients, run as they stand against a listening server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from service.settings import Settings
from service.web.page import STATIC

from ..support.live_server import LiveServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "getting-started.md").read_text()
SECTION = PAGE.split("\n## Clients\n", 1)[1].split("\n## ", 1)[0]
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


def test_the_site_is_built_without_a_broken_link_and_has_every_setting_error_and_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    settings, errors, commands = (
        (tmp_path / page).read_text() for page in ("settings.html", "errors.html", "command-line.html")
    )
    assert [name for name in Settings.model_fields if f"<code>R3D_{name.upper()}</code>" not in settings] == []
    assert {"queue-full", "decoder-crashed", "backend-lost"} <= set(re.findall(r'<h2 id="([a-z-]+)"', errors))
    found = set(re.findall(r'id="([a-z0-9-]+)"', commands))
    assert {"r3d-serve", "r3d-classify", "r3d-engine", "r3d-engine-build"} <= found
