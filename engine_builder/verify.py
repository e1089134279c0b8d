"""Run clips through everything that could serve a model here, and compare with the fp32 reference."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import VerificationError
from .manifest import Embeddings, Engine, Frames, Manifest, Outputs, Verification, checked_file
from .overflow import first_overflow
from .reference import reference
from .serving import Backend, Serving

# Largest difference of a probability that rounding explains. Random weights make the most of it: with bf16, an
# r2plus1d_18 of such differed by up to 0.13.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 0.15, "int8": 0.15}
# Largest distance of a clip's embedding from fp32's, as a share of its length, that rounding explains.
EMBEDDING_TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 0.1, "int8": 0.3}


@dataclass(frozen=True)
class Result:
    """One backend against the reference. `measured` is None when it did not run; `problem` when all is good."""

    backend: str
    precision: str
    device: str
    served: bool
    engine: Engine | None
    measured: Verification | None
    problem: str | None


def compare(found: Outputs, expected: Outputs) -> Verification:
    """What a network gave against what the reference did, which is finite."""
    probabilities, wanted = found.probabilities, expected.probabilities
    return Verification(
        clips=len(wanted),
        max_abs_difference=float(_difference(probabilities, wanted).max(initial=0.0)),
        top1_agreement=float((probabilities.argmax(1) == wanted.argmax(1)).mean()),
        nan_count=found.invalid,
        max_embedding_distance=_distance(found.embeddings, expected.embeddings),
    )


def _difference(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of each value; 0 where there is none."""
    return np.abs(np.where(np.isfinite(found), found, expected) - expected)


def _distance(found: Embeddings | None, expected: Embeddings | None) -> float | None:
    """The largest of a clip, as a share of the length of the reference's."""
    if found is None or expected is None:
        return None
    lengths = np.maximum(np.linalg.norm(expected, axis=1), np.finfo(np.float32).tiny)
    return float((np.linalg.norm(_difference(found, expected), axis=1) / lengths).max())


def verify_model(
    directory: Path, clips: Frames, serving: Serving, on_step: Callable[[str], None] = lambda step: None
) -> list[Result]:
    """Check every file's hash, then each of the service's backends against the reference.

    `clips`: uint8 [n, T, H, W, 3]. `on_step` is called with what is done next, in words. What was measured for engines
    goes into the manifest. Raises ManifestError for files that do not match, VerificationError when nothing can run or
    would serve the model.
    """
    manifest = Manifest.load(directory)
    on_step("checking the files")
    for network in manifest.onnx.values():
        checked_file(directory, network)
    for engine in manifest.engines:
        checked_file(directory, engine)
    on_step(f"running the fp32 reference on {len(clips)} clips")
    expected = reference(directory, manifest, clips)
    on_step("choosing what serves here; the first time, this is measured")
    results = []
    for backend in serving.backends(directory, manifest):
        on_step(f"running {backend.name} on {len(clips)} clips")
        results.append(_verify(backend, directory, manifest, clips, expected))
    _record(directory, manifest, results)
    return results


def _verify(backend: Backend, directory: Path, manifest: Manifest, clips: Frames, expected: Outputs) -> Result:
    engine = backend.engine
    try:
        ran, found = backend.run(clips)
    except VerificationError as error:
        precision = engine.precision if engine else ""
        return Result(backend.name, precision, "", backend.served, engine, None, f"cannot run here: {error}")
    measured = compare(found, expected)
    problem = problem_of(measured, ran.precision, directory, manifest, clips)
    return Result(ran.backend, ran.precision, ran.device, backend.served, engine, measured, problem)


def problem_of(
    measured: Verification, precision: str, directory: Path, manifest: Manifest, clips: Frames
) -> str | None:
    """What is wrong with figures at a precision, naming the layer if the network overflows; None if they are good."""
    if measured.nan_count:
        where = _first_overflow(precision, directory, manifest, clips)
        return f"{measured.nan_count} values are no numbers: {precision} overflows{where}"
    if measured.max_abs_difference > TOLERANCE[precision]:
        return f"probabilities differ by up to {measured.max_abs_difference:.2g}; {TOLERANCE[precision]:g} is allowed"
    if manifest.embedding and measured.max_embedding_distance is None:
        return "it gives no embeddings, and the manifest says that it does"
    return embedding_fault(measured, precision)


def embedding_fault(measured: Verification, precision: str) -> str | None:
    """What is wrong with a precision's embeddings; None if they are good, or there are none."""
    distance, allowed = measured.max_embedding_distance, EMBEDDING_TOLERANCE[precision]
    if distance is None or distance <= allowed:
        return None
    return f"embeddings are off by up to {distance:.1%} of their length; {allowed:.1%} is allowed"


def _first_overflow(precision: str, directory: Path, manifest: Manifest, clips: Frames) -> str:
    graphs = [entry.file for name, entry in manifest.onnx.items() if name == precision]
    try:
        layers = [first_overflow(directory / graph, clips[0]) for graph in graphs]
    except VerificationError as error:
        return f" ({error})"
    return "".join(f", first in {layer}" for layer in layers if layer)


def _record(directory: Path, manifest: Manifest, results: list[Result]) -> None:
    measured = {result.engine.file: result.measured for result in results if result.engine and result.measured}
    engines = tuple(
        engine.model_copy(update={"verification": measured.get(engine.file, engine.verification)})
        for engine in manifest.engines
    )
    if measured:
        manifest.model_copy(update={"engines": engines}).save(directory)
