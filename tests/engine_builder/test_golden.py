"""The whole builder against torchvision's own outputs (see golden/)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import openvino
import pytest

from engine_builder.build import BuildOptions, build_model
from engine_builder.manifest import ClipFormat
from engine_builder.serving import find_serving
from engine_builder.wts import write_wts

from ..support.recipe import GOLDEN, SHARED_VIDEOS, draw, shapes_of
from ..support.videos import ffmpeg

Floats = npt.NDArray[np.float32]

needs_videos = pytest.mark.skipif(not SHARED_VIDEOS, reason="the real videos are not beside this checkout")


def golden(architecture: str) -> dict[str, Floats]:
    with np.load(GOLDEN / f"{architecture}_seed0.npz") as archive:
        return dict(archive)


def test_noise_clip(full_size: tuple[str, Path]) -> None:
    architecture, directory = full_size
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


def answers(directory: Path, videos: list[Path], *options: str, **environment: str) -> list[dict[str, Any]]:
    """Of each video, by the project's own command."""
    command = [str(Path(sys.executable).with_name("r3d-classify")), "--json", "--top-k", "400", *options]
    arguments = [*command, "--model", str(directory), *map(str, videos)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=os.environ | environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def classify(directory: Path, videos: list[Path], backend: str) -> list[Floats]:
    """Every clip's probabilities."""
    return [_probabilities(answer) for answer in answers(directory, videos, R3D_BACKEND=backend)]


def beginning(video: Path, clips: int, folder: Path) -> Path:
    """A video's first clips, not coded anew; a few frames more, as they are not stored in the order they are shown."""
    ffmpeg("-i", str(video), "-an", "-c", "copy", "-frames:v", str(32 * clips + 8), str(folder / video.name))
    return folder / video.name


@needs_videos
def test_videos_through_the_pipeline_in_fp32(full_size: tuple[str, Path], tmp_path: Path) -> None:
    """r3d_18 gets one whole; where a video's clips begin and end has nothing to do with the network."""
    architecture, directory = full_size
    expected = {name[6:]: values for name, values in golden(architecture).items() if name.startswith("probs:")}
    videos = [video for video in SHARED_VIDEOS if video.name in expected]
    assert len(videos) == len(expected) == 2
    cut = [beginning(video, 2, tmp_path) for video in videos]
    counts = [2, 2]
    if architecture == "r3d_18":
        cut[0], counts[0] = videos[0], len(expected[videos[0].name])
    for video, count, found in zip(cut, counts, classify(directory, cut, "onnxruntime"), strict=True):
        _compare(found, expected[video.name][:count], 1e-2)


@needs_videos
def test_a_video_in_the_default_precision(full_size: tuple[str, Path], tmp_path: Path) -> None:
    """bf16 where the CPU has it. Random weights make the most of its rounding: r2plus1d_18 differs by up to 0.13."""
    architecture, directory = full_size
    video = next(video for video in SHARED_VIDEOS if video.name.startswith("OEG"))
    [found] = classify(directory, [beginning(video, 3, tmp_path)], "openvino")
    _compare(found, golden(architecture)[f"probs:{video.name}"][:3], 0.2)


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
    difference = find_serving().clips(video, ClipFormat(), 1)[0].astype(int) - expected
    assert np.abs(difference).max() <= 2


@needs_videos
def test_torchvisions_published_protocol(tmp_path: Path) -> None:
    """16 frames at 15 a second, 5 clips spread over the video, the mean decides."""
    write_wts(tmp_path / "weights.wts", draw(shapes_of("r3d_18")))
    options = BuildOptions(name="protocol", clip=ClipFormat(frames=16))
    build_model(tmp_path / "weights.wts", tmp_path / "model", options)
    sampled = ("--frame-rate", "15", "--clips", "5", "--aggregate", "mean")
    with np.load(GOLDEN / "protocol_seed0.npz") as archive:
        expected = dict(archive)
    videos = [video for video in SHARED_VIDEOS if f"mean:{video.name}" in expected]
    assert len(videos) == 3
    found = answers(tmp_path / "model", videos, *sampled, R3D_PRECISION="fp32", R3D_BACKEND="openvino")
    for video, answer in zip(videos, found, strict=True):
        _compare(_probabilities(answer), expected[f"clips:{video.name}"], 1e-2)
        mean = np.zeros(400, np.float32)
        for each in answer["top"]:
            mean[each["label_index"]] = each["probability"]
        assert np.abs(mean - expected[f"mean:{video.name}"]).max() < 1e-2
        assert answer["label_index"] == expected[f"mean:{video.name}"].argmax()
