"""Only what is not there is built, by one at a time."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine_builder import cli_build
from engine_builder.cli import app
from engine_builder.manifest import Manifest
from engine_builder.needed import alone, reason_to_build
from engine_builder.wts import write_wts

from ..support.recipe import draw, narrow
from .serving_stub import ServingStub

HOLDER = """
import sys
from pathlib import Path
from engine_builder.needed import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    write_wts(tmp_path / "small.wts", draw(narrow("r3d_18", 16, 3)))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    return tmp_path / "small.wts"


def build(weights: Path, *options: str) -> str:
    labels, model = weights.with_name("labels.txt"), weights.with_name("model")
    command = ["build", str(weights), "-o", str(model), "--labels", str(labels), *options]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    return done.output


def test_the_second_builder_finds_what_the_first_made(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_build, "find_serving", ServingStub)
    options = ("--engine", "tensorrt-rtx", "--precision", "fp16", "--no-verify", "--if-needed")
    assert "model.json: No such file or directory" in build(weights, *options)
    model = weights.with_name("model")
    [engine] = Manifest.load(model).engines
    made = (model / engine.file).stat().st_mtime_ns
    assert "an engine that fits is there" in build(weights, *options)
    assert (model / engine.file).stat().st_mtime_ns == made
    told = build(weights, *options[:2], "--precision", "fp32", *options[4:])
    assert "none of this precision" in told
    assert {each.precision for each in Manifest.load(model).engines} == {"fp16", "fp32"}


def test_other_weights_are_a_reason(weights: Path) -> None:
    build(weights)
    model, other = weights.with_name("model"), weights.with_name("other.wts")
    other.write_bytes(weights.read_bytes() + b"\n")
    assert "other weights" in str(reason_to_build(model, other, "fp32", "tensorrt", ServingStub()))


def test_it_is_about_an_engine(weights: Path) -> None:
    assert "it is about an engine" in build(weights, "--if-needed")


def test_a_builder_waits_for_another_and_outlives_its_death(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with alone(tmp_path):
            entered.set()

    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=-1, stdout=-1) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.3)
        holder.kill()
        waiting.join(20)
    assert entered.is_set()
