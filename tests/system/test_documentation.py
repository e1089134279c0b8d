"""The documentation's examples for clients, run as they stand against a listening server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from service.settings import Settings
from service.web.keys import Keys
from service.web.page import STATIC

from ..support.live_server import LiveServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "getting-started.md").read_text()
SECTION = PAGE.split("\n## Clients\n", 1)[1].split("\n## ", 1)[0]
ADDRESS = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    """Of the page about jobs."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "jobs.md").read_text(), re.DOTALL)


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def run(command: list[str], code: str, server: LiveServer, folder: Path) -> str:
    shutil.copy(STATIC / "samples" / "tour.mp4", folder / "video.mp4")
    assert ADDRESS in code
    code = code.replace(ADDRESS, server.url)
    done = subprocess.run(command, input=code, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", examples("sh")[0].strip().splitlines())
def test_shell(command: str, server: LiveServer, tmp_path: Path) -> None:
    programs = str(Path(sys.executable).parent)
    output = run(["sh", "-e"], f"PATH={programs}:$PATH\n{command}", server, tmp_path)
    assert "pan right" in output


@pytest.mark.parametrize("code", examples("python"), ids=["client", "httpx"])
def test_python(code: str, server: LiveServer, tmp_path: Path) -> None:
    output = run([sys.executable, "-"], code, server, tmp_path)
    assert output.splitlines()[0].startswith("0.00 s: pan right")
    assert output.splitlines()[-1] == "pan right, 4 of 12 clips"


def test_javascript(server: LiveServer, tmp_path: Path) -> None:
    node, _ = compute_driver_executable()
    [code] = examples("js")
    output = run([str(node), "--input-type=module", "-"], code, server, tmp_path)
    assert output.splitlines()[-1] == "pan right, 4 of 12 clips"


def test_jobs_by_shell(server: LiveServer, tmp_path: Path) -> None:
    """As on the page, each command after the other."""
    submit, *later = blocks("sh")[0].split("\ncurl ")
    script = "\necho; ".join([submit, *(f"curl {each}" for each in later)])
    script = script.replace(ADDRESS, server.url)
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["sh", "-e"], input=script, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    waited, *followed, deleted = told
    assert (waited["status"], waited["result"]["clips"]) == ("succeeded", [])
    assert [line["event"] for line in followed] == ["job", *["clip"] * 12, "result"]
    assert done.stdout.count("-->") == len(waited["result"]["segments"]) > 0
    assert deleted["id"] == waited["id"]


def test_jobs_by_python(server: LiveServer) -> None:
    [code] = blocks("python")
    code = code.replace(ADDRESS, server.url)
    done = subprocess.run([sys.executable, "-"], input=code, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *events, last = done.stdout.splitlines()
    assert (last, events[-1], events.count("clip")) == ("pan right", "result", 12)


def test_a_key_made_as_the_page_says_is_one(tmp_path: Path) -> None:
    script = blocks("sh")[1] + 'echo "$key"'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env={"PATH": path}, capture_output=True, check=True)
    assert Keys(None, tmp_path / "keys").name_of(done.stdout.strip()) == "team-a"


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
