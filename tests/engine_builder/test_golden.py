"""The whole builder against torchvision's own outputs (see golden/)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import openvino
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.manifest import ClipFormat
from engine_builder.sample_clips import video_clips
from engine_builder.wts import write_wts

from ..support.recipe import ARCHITECTURES, GOLDEN, SHARED_VIDEOS, draw, shapes_of

Floats = npt.NDArray[np.float32]

needs_videos = pytest.mark.skipif(not SHARED_VIDEOS, reason="the real videos are not beside this checkout")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An architecture's full-size model, built from a `.wts` file."""
    folder = tmp_path_factory.mktemp(request.param)
    write_wts(folder / "weights.wts", draw(shapes_of(request.param)))
    manifest = build_model(folder / "weights.wts", folder / "model", BuildOptions(name="golden"))
    (folder / "weights.wts").unlink()
    assert manifest.architecture == request.param
    yield request.param, folder / "model"
    (folder / "model" / "model.onnx").unlink()


def golden(architecture: str) -> dict[str, Floats]:
    with np.load(GOLDEN / f"{architecture}_seed0.npz") as archive:
        return dict(archive)


def test_noise_clip(built: tuple[str, Path]) -> None:
    architecture, directory = built
    model = onnx.load(directory / "model.onnx")
    model.graph.output.append(onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", 400]))
    core = openvino.Core()
    network = core.read_model(model.SerializeToString())
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    clip = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), dtype=np.uint8)
    result = compiled([clip])
    expected = golden(architecture)
    scale = np.abs(expected["noise_clip_logits"]).max()
    assert np.abs(result["logits"][0] - expected["noise_clip_logits"]).max() < 1e-3 * scale
    assert np.abs(result["probabilities"][0] - expected["noise_clip_probs"]).max() < 1e-4


def classify(directory: Path, videos: list[Path], backend: str) -> list[Floats]:
    """Every clip's probabilities, by the project's own command."""
    command = [str(Path(sys.executable).with_name("r3d-classify")), "--json", "--top-k", "400"]
    environment = os.environ | {"R3D_BACKEND": backend}
    arguments = [*command, "--model", str(directory), *map(str, videos)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
    return [_probabilities(json.loads(line)) for line in done.stdout.splitlines()]


@needs_videos
def test_whole_videos_through_the_pipeline_in_fp32(built: tuple[str, Path]) -> None:
    architecture, directory = built
    expected = {name[6:]: values for name, values in golden(architecture).items() if name.startswith("probs:")}
    videos = [video for video in SHARED_VIDEOS if video.name in expected]
    assert len(videos) == len(expected) == 2
    for video, found in zip(videos, classify(directory, videos, "onnxruntime"), strict=True):
        _compare(found, expected[video.name], 1e-2)


@needs_videos
def test_a_whole_video_in_the_default_precision(built: tuple[str, Path]) -> None:
    """bf16 where the CPU has it. Random weights make the most of its rounding: r2plus1d_18 differs by up to 0.13."""
    architecture, directory = built
    video = next(video for video in SHARED_VIDEOS if video.name.startswith("OEG"))
    [found] = classify(directory, [video], "openvino")
    _compare(found, golden(architecture)[f"probs:{video.name}"], 0.2)


def _probabilities(answer: dict[str, list[dict[str, list[dict[str, float]]]]]) -> Floats:
    found = np.zeros((len(answer["clips"]), 400), np.float32)
    for row, clip in zip(found, answer["clips"], strict=True):
        for top in clip["top"]:
            row[int(top["label_index"])] = top["probability"]
    return found


def _compare(found: Floats, expected: Floats, tolerance: float) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < tolerance
    best = np.sort(expected, axis=1)[:, -2:]
    clear = best[:, 1] - best[:, 0] > 2 * tolerance
    assert (found.argmax(1) == expected.argmax(1))[clear].all()


@needs_videos
def test_first_clip_is_cut_as_torchvision_cuts_it() -> None:
    with np.load(GOLDEN / "first_clip_seed0.npz") as archive:
        expected, name = archive["clip"], str(archive["video"])
    video = next(video for video in SHARED_VIDEOS if video.name == Path(name).name)
    difference = video_clips(video, ClipFormat())[0].astype(int) - expected
    assert np.abs(difference).max() <= 2
