"""Models asked for by torchvision's name, as a user does; their weights from a file in place of the network."""

import json
import subprocess
from pathlib import Path

import pytest

from engine_builder.published.fetch import cached_model
from service.commands.published_model import NAMES, published_model
from service.environment import settings_from_environment

from ...support.checkpoints import published_like
from ...support.processes import ROOT
from ...support.programs import finished, serving


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Published weights on this machine, and a cache of our own."""
    path = published_like(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("R3D_WEIGHTS_URL", path.as_uri())
    monkeypatch.chdir(tmp_path)
    return path


def test_the_server_fetches_it_once(weights: Path, video: Path) -> None:
    with serving("--model", "r3d_18") as served:
        served.wait_ready()
        answer = served.post(video.read_bytes()).json()
    assert (answer["model"]["name"], answer["model"]["architecture"]) == ("r3d_18", "r3d_18")
    assert answer["model"]["weights_sha256"].startswith(weights.stem[-8:])
    weights.unlink()
    with serving(R3D_MODEL="r3d_18") as served:
        served.wait_ready()


def test_the_command_line_fetches_it_and_prints_json_alone(weights: Path, video: Path) -> None:
    done = finished("r3d-classify", "--json", "--model", "r3d_18", str(video))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["name"] == "r3d_18"


def test_what_fetch_made_is_taken(weights: Path) -> None:
    done = finished("r3d-engine", "fetch", "r3d_18")
    assert done.returncode == 0, done.stderr
    weights.unlink()
    for cached in (weights.parent / "cache").rglob("*.safetensors"):
        cached.unlink()
    found = published_model(settings_from_environment(model=Path("r3d_18")))
    assert found is not None
    assert done.stdout == f"{found}\n"


@pytest.mark.parametrize("name", NAMES)
def test_both_packages_look_in_the_same_place(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    for place in ("", "http://mirror/"):
        monkeypatch.setenv("R3D_WEIGHTS_URL", place)
        assert published_model(settings_from_environment(model=Path(name))) == cached_model(name)


def test_a_directory_of_that_name_goes_before(weights: Path) -> None:
    (weights.parent / "r3d_18").mkdir()
    settings = settings_from_environment(model=Path("r3d_18"))
    assert published_model(settings) is not None
    (weights.parent / "r3d_18" / "model.json").write_text("{}")
    assert published_model(settings) is None
    assert published_model(settings_from_environment(model=Path("./other"))) is None
    assert published_model(settings_from_environment()) is None


@pytest.mark.parametrize(("name", "status"), [("r3d-serve", 1), ("r3d-classify", 3)])
def test_what_is_wrong_is_told_with_what_to_do(weights: Path, video: Path, name: str, status: int) -> None:
    weights.write_bytes(b"other")
    arguments = [str(video)] if name == "r3d-classify" else []
    done = finished(name, "--model", "r3d_18", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"r3d-engine: {weights}: its SHA-256 begins with ")
    assert "By hand: " in line


@pytest.mark.parametrize("name", NAMES)
def test_make_serve_leaves_the_name_to_the_server(name: str) -> None:
    command = ["make", "-n", "--no-print-directory", "-o", ".venv/.serve", "serve", f"MODEL={name}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].endswith(f"r3d-serve --host 127.0.0.1 --port 8000 --model {name}")


def test_make_serve_still_needs_a_directory_to_be_one() -> None:
    command = ["make", "-n", "--no-print-directory", "-o", ".venv/.serve", "serve", "MODEL=nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "nowhere/model.json" in done.stderr
