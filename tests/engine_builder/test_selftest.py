"""The selftest, with TensorRT and CUDA stood in for: what it tries, and that it notices what is wrong."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from engine_builder.cli import app
from engine_builder.errors import VerificationError
from engine_builder.manifest import Frames, Manifest, Outputs
from engine_builder.selftest import engines, run
from engine_builder.selftest.outcome import Outcome, attempt
from engine_builder.selftest.report import as_json
from engine_builder.selftest.run import Selftest
from engine_builder.serving import find_serving
from engine_builder.tensorrt.build import Runtime

from ..support.fake_cuda import Machine
from ..support.fake_gpu_packages import install
from ..support.fake_tensorrt import CLASSES, FEATURES

PLAN = b"engine" + bytes(100)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, model_directory: Path) -> Iterator[Machine]:
    """A machine with a GPU on which engines "are built", and the reference says what they say."""
    made = Machine()
    made.plan, made.shape = PLAN, Manifest.load(model_directory).clip.shape
    install(monkeypatch, made)
    monkeypatch.setattr(run, "load_runtime", lambda runtime: with_builder())
    monkeypatch.setattr(run, "build_engine", lambda *_: PLAN)
    monkeypatch.setattr(run, "reference", lambda directory, manifest, clips: fake_answers(clips))
    monkeypatch.setattr(engines, "TIMED_SECONDS", 0.01)
    yield made
    for name in ("tensorrt", "cuda", "tensorrt_memory"):
        sys.modules.pop(f"service.inference.backends.{name}", None)


def with_builder() -> Any:
    trt: Any = importlib.import_module("tensorrt")
    trt.Builder = object
    return trt


def turned(found: Outputs) -> Outputs:
    return Outputs(found.probabilities[:, ::-1], found.embeddings)


def fake_answers(clips: Frames) -> Outputs:
    """What the stand-in's engines say."""
    found = np.full((len(clips), CLASSES), 0.05, np.float32)
    found[np.arange(len(clips)), clips[:, 0, 0, 0, 0].astype(int) * CLASSES // 256] = 0.6
    embeddings = (clips[:, 0, 0, 0, 0].astype(int)[:, None] + np.arange(FEATURES)).astype(np.float32)
    return Outputs(found, embeddings)


def outcomes_of(directory: Path) -> dict[str, Outcome]:
    test = Selftest(directory, find_serving(), [Runtime.TENSORRT], max_batch=4, random_batches=20)
    return {each.check: each for each in test.run()}


@pytest.mark.usefixtures("machine")
def test_everything_is_tried(model_directory: Path, machine: Machine) -> None:
    found = outcomes_of(model_directory)
    assert [check for check, each in found.items() if each.status != "good"] == []
    for engine in ("tensorrt fp32", "tensorrt fp32 portable"):
        for check in (
            "build", "load and close", "alone and in the largest batch", "two batches under way", "random batches",
            "speed", "refuses noise", "refuses a plan cut short", "refuses a plan of another version",
            "refuses too little memory",
        ):  # fmt: skip
            assert f"{engine}: {check}" in found
    assert found["installed"].figures["gpu"] == "fake GPU 0"
    assert found["installed"].figures["driver's CUDA"] == "13.1"
    assert found["tensorrt fp32: random batches"].figures["batches"] == 20
    assert "MiB free" in str(found["tensorrt fp32: refuses too little memory"].figures["said"])
    assert {True, False} == set(machine.host_code), "portable and not"
    assert (machine.retained, machine.used) == (0, 0)


def test_wrong_answers_are_noticed(machine: Machine, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "reference", lambda directory, manifest, clips: turned(fake_answers(clips)))
    found = outcomes_of(model_directory)
    bad = {check.partition(": ")[2] for check, each in found.items() if each.status == "failed"}
    assert bad == {"alone and in the largest batch", "two batches under way", "random batches"}
    assert "0.001 is allowed" in found["tensorrt fp32: random batches"].detail


def test_a_leak_is_noticed(machine: Machine, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = iter(range(0, 1 << 40, 64 << 20))
    monkeypatch.setattr(engines, "memory_in_use", lambda: (0, next(grown)))
    found = outcomes_of(model_directory)
    assert found["tensorrt fp32: random batches"].detail == "memory grew by 0 MiB, the GPU's by 64"


def test_a_damaged_engine_that_loads_is_noticed(
    machine: Machine, model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "damaged", lambda content: {"nothing": content})
    failed = outcomes_of(model_directory)["tensorrt fp32: refuses nothing"]
    assert (failed.status, failed.detail) == ("failed", "it was loaded")


def test_without_a_gpu_the_report_says_why(
    model_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is where the tests run."""
    monkeypatch.setattr(run, "CLIPS", 1)
    monkeypatch.setitem(sys.modules, "pycuda", None)
    report = tmp_path / "report.json"
    done = CliRunner().invoke(app, ["selftest", str(model_directory), "--json", str(report)])
    assert done.exit_code == 1
    content = json.loads(report.read_text())
    assert content["good"] is False
    by_name = {each["check"]: each for each in content["outcomes"]}
    assert by_name["installed"]["figures"]["r3d"] == "0.2.0"
    assert by_name["fp32 reference"]["status"] == "good"
    assert "the package pycuda is not installed" in by_name["tensorrt_rtx"]["detail"]
    assert "tensorrt_rtx: failed" in done.stdout
    assert Manifest.load(model_directory).engines == ()


def test_what_cannot_be_tried_is_told(machine: Machine, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_reference(*_: object) -> None:
        raise VerificationError("nothing to run the model with")

    monkeypatch.setattr(run, "reference", no_reference)
    found = outcomes_of(model_directory)
    assert found["fp32 reference"].status == "failed"
    assert found["tensorrt refuses noise"].status == "good"
    assert found["tensorrt: engines"].status == "left out"


def test_an_error_of_any_kind_is_an_outcome() -> None:
    outcome = attempt("dividing", lambda: {"x": 1 / 0})
    assert (outcome.status, outcome.detail) == ("failed", "ZeroDivisionError: division by zero")
    assert json.loads(as_json([outcome]))["good"] is False
