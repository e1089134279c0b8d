"""Run clips through everything in a model directory and compare with the fp32 reference."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import VerificationError
from .manifest import INPUT, OUTPUT, Frames, Manifest, Probabilities, Verification, checked_file

Runner = Callable[[Frames], Probabilities]

# Largest difference of a probability that rounding explains, by precision of the graph.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2}


@dataclass(frozen=True)
class Result:
    """One graph on one runtime against the reference."""

    runtime: str
    precision: str
    measured: Verification
    good: bool


def compare(found: Probabilities, expected: Probabilities) -> Verification:
    """Probabilities [n, classes] against the reference's."""
    with np.errstate(invalid="ignore"):
        difference = float(np.nanmax(np.abs(found - expected), initial=0.0))
    return Verification(
        clips=len(expected),
        max_abs_difference=difference,
        top1_agreement=float((found.argmax(1) == expected.argmax(1)).mean()),
        nan_count=int(np.isnan(found).sum()),
    )


def reference(directory: Path, manifest: Manifest, clips: Frames) -> Probabilities:
    """What the fp32 network gives for clips uint8 [n, T, H, W, 3], on the first installed runtime.

    Raises VerificationError when none is installed.
    """
    for _, run in _runners(checked_file(directory, manifest.onnx["fp32"])):
        return run(clips)
    raise VerificationError("nothing to run the model with: install the `cpu` or the `onnxruntime` extra")


def verify_model(directory: Path, clips: Frames) -> list[Result]:
    """Check every file's hash, then each ONNX graph on each installed runtime against the first runtime's fp32.

    `clips`: uint8 [n, T, H, W, 3]. Raises ManifestError for files that do not match, VerificationError when no runtime
    is installed.
    """
    manifest = Manifest.load(directory)
    for engine in manifest.engines:
        checked_file(directory, engine)
    results: list[Result] = []
    expected = reference(directory, manifest, clips)
    for precision, entry in sorted(manifest.onnx.items(), key=lambda item: item[0] != "fp32"):
        for runtime, run in _runners(checked_file(directory, entry)):
            found = run(clips)
            measured = compare(found, expected)
            results.append(Result(runtime, precision, measured, _good(measured, precision)))
    return results


def _good(measured: Verification, precision: str) -> bool:
    return measured.nan_count == 0 and measured.max_abs_difference <= TOLERANCE[precision]


def _runners(model: Path) -> Iterator[tuple[str, Runner]]:
    if importlib.util.find_spec("openvino"):
        yield "openvino", _openvino(model)
    if importlib.util.find_spec("onnxruntime"):
        yield "onnxruntime", _onnxruntime(model)


def _openvino(model: Path) -> Runner:
    import openvino

    config = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", config)

    def run(clips: Frames) -> Probabilities:
        return np.concatenate([np.asarray(compiled(clip[None])[OUTPUT]) for clip in clips])

    return run


def _onnxruntime(model: Path) -> Runner:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def run(clips: Frames) -> Probabilities:
        return np.concatenate([session.run([OUTPUT], {INPUT: clip[None]})[0] for clip in clips])

    return run
