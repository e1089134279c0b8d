"""The weights that the benchmarks make are those of torchvision's networks by name and shape, and sane by size."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.models import build_full_size
from benchmarks.harness.weights import ARCHITECTURES, Architecture, shapes, weights
from engine_builder.manifest import Manifest
from service.inference.backends.openvino import OpenVinoBackend, OpenVinoNetwork

from ..support.recipe import shapes_of


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_names_and_shapes_are_torchvisions_in_its_order(architecture: Architecture) -> None:
    assert list(shapes(architecture).items()) == list(shapes_of(architecture).items())


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = (weights("mc3_18", seed)["fc.weight"] for seed in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other).any()


def test_a_full_size_network_of_them_tells_clips_apart(tmp_path: Path) -> None:
    _, directory = build_full_size(tmp_path, "mc3_18")
    assert Manifest.load(directory).architecture == "mc3_18"
    backend = OpenVinoBackend(OpenVinoNetwork(directory / "model.onnx", "fp32", 0, 1))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1, 32, 112, 112, 3), np.uint8)
    dark = np.full_like(noise, 20)
    found = [backend.infer(clip).probabilities[0] for clip in (noise, dark)]
    for probabilities in found:
        assert 0.01 < probabilities.max() < 0.9, "neither flat nor one label only"
    assert np.abs(found[0] - found[1]).max() > 0.01
