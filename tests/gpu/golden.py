"""Outputs of the three architectures on an NVIDIA GPU: `python -m tests.gpu.golden VIDEO...`.

Full-size models of the recipe's weights, fp32 and fp16, through ONNX Runtime, beside torchvision's own probabilities
(tests/golden): the largest difference, and in how many clips the most probable label is the same. Needs
onnxruntime-gpu; without it, the CPU is checked.
"""

import json as json_format
import tempfile
from pathlib import Path

import numpy as np
import typer

from benchmarks.harness.report import Json, Videos, save
from engine_builder.build import BuildOptions, build_model
from engine_builder.manifest import ClipFormat, Manifest
from engine_builder.wts import write_wts
from service.batch.verification import clips as video_clips
from service.inference.backends.onnxruntime import OnnxRuntimeBackend, pick_provider

from ..support.recipe import ARCHITECTURES, GOLDEN, draw, shapes_of

CLIPS_PER_VIDEO = 8  # at most


def build(architecture: str, folder: Path) -> Path:
    """The model directory, both precisions in it."""
    write_wts(folder / "weights.wts", draw(shapes_of(architecture)))
    build_model(folder / "weights.wts", folder / architecture, BuildOptions(architecture, precisions=("fp32", "fp16")))
    return folder / architecture


def compare(architecture: str, directory: Path, videos: list[Path], provider: str) -> dict[str, object]:
    """Largest difference from torchvision's probabilities, and top-1 agreement, per precision."""
    noise = np.random.default_rng(0).integers(0, 256, (1, 32, 112, 112, 3), dtype=np.uint8)
    found: dict[str, object] = {}
    with np.load(GOLDEN / f"{architecture}_seed0.npz") as archive:
        expected = dict(archive)
    for precision, entry in Manifest.load(directory).onnx.items():
        backend = OnnxRuntimeBackend(directory / entry.file, precision, provider)
        worst, same, clips = (
            float(np.abs(backend.infer(noise).probabilities[0] - expected["noise_clip_probs"]).max()),
            0,
            0,
        )
        for video in videos:
            wanted = expected.get(f"probs:{video.name}")
            if wanted is None:
                continue
            got = np.concatenate(
                [backend.infer(clip[None]).probabilities for clip in video_clips(video, ClipFormat(), CLIPS_PER_VIDEO)]
            )
            worst = max(worst, float(np.abs(got - wanted[: len(got)]).max()))
            same += int((got.argmax(1) == wanted[: len(got)].argmax(1)).sum())
            clips += len(got)
        found[precision] = {"max_abs_difference": worst, "top1": f"{same} of {clips}"}
    return found


def run(videos: Videos, json: Json = None) -> None:
    """Compare with torchvision's probabilities, for the noise clip and for videos that tests/golden has."""
    provider = pick_provider("auto")
    print(provider, flush=True)
    figures: dict[str, object] = {"provider": provider}
    with tempfile.TemporaryDirectory() as folder:
        for architecture in ARCHITECTURES:
            figures[architecture] = compare(architecture, build(architecture, Path(folder)), videos, provider)
            print(architecture, json_format.dumps(figures[architecture]), flush=True)
            save(figures, json)


def main() -> None:
    typer.run(run)


if __name__ == "__main__":
    main()
