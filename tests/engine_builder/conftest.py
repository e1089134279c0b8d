"""What all tests of the builder share: the full-size networks, built once."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.tensorrt.build import Runtime, load_runtime
from engine_builder.wts import write_wts

from ..support.recipe import ARCHITECTURES, draw, shapes_of

# OpenVINO, which the tests import too, would send a message over the network.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


@pytest.fixture(scope="session", params=ARCHITECTURES)
def full_size(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An architecture and its model directory in both precisions, built from a `.wts` file; not to be written to."""
    folder = tmp_path_factory.mktemp(request.param)
    write_wts(folder / "weights.wts", draw(shapes_of(request.param)))
    options = BuildOptions(name="golden", precisions=("fp32", "fp16"))
    manifest = build_model(folder / "weights.wts", folder / "model", options)
    (folder / "weights.wts").unlink()
    assert manifest.architecture == request.param
    yield request.param, folder / "model"
    for entry in manifest.onnx.values():
        (folder / "model" / entry.file).unlink()


@pytest.fixture(scope="module")
def trt() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_runtime(Runtime.TENSORRT_RTX)
