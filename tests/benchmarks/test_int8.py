"""What the benchmarks do with an int8 network: it is verified first, and compared with the best there is without."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import network, serve
from benchmarks.harness.integers import agreement
from benchmarks.harness.models import add_int8
from engine_builder.build import BuildOptions, build_model
from engine_builder.manifest import ClipFormat, Manifest
from engine_builder.wts import write_wts
from service.api.schemas import ClassifyAnswer, ClipAnswer

from ..support.recipe import draw, narrow


def test_the_network_of_integers_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wts(tmp_path / "small.wts", draw(narrow("r3d_18", 16, 3)))
    clip = ClipFormat(frames=4, height=32, width=32)
    build_model(tmp_path / "small.wts", tmp_path / "model", BuildOptions("x", clip, ("a", "b", "c")))
    add_int8(tmp_path / "model")
    entry = Manifest.load(tmp_path / "model").onnx["int8"]
    assert entry.verification is not None
    assert entry.verification.clips == 50
    assert "published" in capsys.readouterr().out


def test_integers_are_served_beside_fp32_and_what_else_the_processor_has() -> None:
    assert serve.compared("auto") == {"this project": "auto"}
    first, *_, last = ways = list(serve.compared("int8").values())
    assert (first, last) == ("fp32", "int8")
    assert set(ways) <= {"fp32", "bf16", "int8"}


def test_the_service_is_compared_with_the_best_without_and_with_the_reference() -> None:
    rates = {"this project, fp32": 2.0, "this project, bf16": 4.0, "this project, int8": 6.0, serve.THEIRS: 3.0}
    best, reference = serve.ratios(rates)
    assert best == "this project, int8 : this project, bf16, the best of 2 without: 1.50"
    assert reference == "this project, int8 : FastAPI + PyTorch: 2.00"
    assert list(serve.ratios({"this project": 2.0})) == []


def test_the_network_is_compared_with_the_fastest_without() -> None:
    seconds = {"openvino fp32": [2.0, 2.0], "openvino int8": [1.0, 0.5], "onnxruntime int8": [9.0, 9.0]}
    line = network.int8_line({**seconds, "onnxruntime fp32": [3.0, 3.0]})
    assert line == "openvino int8 : openvino fp32, times as fast: 3.00"


def answer(*labels: int) -> ClassifyAnswer:
    """As much of an answer as is compared."""
    clips: list[dict[str, Any]] = [
        {"label": f"label {label}", "label_index": label, "probability": 0.5} for label in labels
    ]
    values: dict[str, Any] = {"label_index": labels[0], "clips": [ClipAnswer.model_construct(**each) for each in clips]}
    return ClassifyAnswer.model_construct(**values)


def test_agreement_is_counted_and_what_differs_is_named() -> None:
    fp32, int8 = [answer(1, 1, 2), answer(3)], [answer(1, 2, 2), answer(3)]
    assert list(agreement("real", fp32, int8)) == [
        "real: int8 and fp32 agree on 3 of 4 clips, 75.00%",
        "real: int8 and fp32 agree on 2 of 2 videos, 100.00%",
        "  label 1 (0.50) is label 2 (0.50) by int8",
    ]
