"""Run clips through everything that could serve a model here, and compare with the fp32 reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import VerificationError
from .manifest import Embeddings, Engine, Frames, Manifest, Outputs, Verification, checked_file
from .overflow import first_overflow
from .reference import reference
from .serving import Backend, Serving, Session

# Largest difference of a probability that rounding explains. Random weights, as the tests have them, make the most of
# it. fp32: another order of the same sums, 0.0024 at most, and 0.020 with TF32, whose inputs have 10 bits: an engine
# with it is wrong. fp16: 0.019 at most, on a GPU. bf16: 0.13, of an r2plus1d_18. int8: what its own check allows.
TOLERANCE: Mapping[str, float] = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 0.15, "int8": 0.15}
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


def answers(session: Session, clips: Frames) -> dict[int, Outputs]:
    """What a loaded network says of clips uint8 [n, T, H, W, 3], alone and in its largest batches, by size of batch.

    Row i is of clip i modulo n, as the last batch is filled with the first clips again. Raises VerificationError for
    whatever goes wrong.
    """
    found = {}
    try:
        for batch in sorted({1, session.max_batch}):
            rows = np.arange(-(-len(clips) // batch) * batch) % len(clips)
            batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
            found[batch] = Outputs.joined([session.infer(clips[each]) for each in batches])
    except Exception as error:  # a runtime may raise anything
        raise VerificationError(str(error)) from error
    return found


def compare_all(found: Mapping[int, Outputs], expected: Outputs) -> Verification:
    """The answers of `answers` against the reference's for the same clips."""
    clips = len(expected.probabilities)
    rows = [np.arange(len(each.probabilities)) % clips for each in found.values()]
    measured = compare(Outputs.joined(list(found.values())), expected.of(np.concatenate(rows)))
    return measured.model_copy(update={"clips": clips})


def verify_model(
    directory: Path,
    clips: Frames,
    serving: Serving,
    tolerance: Mapping[str, float] = TOLERANCE,
    on_step: Callable[[str], None] = lambda step: None,
) -> list[Result]:
    """Check every file's hash, then each of the service's backends against the reference.

    `clips`: uint8 [n, T, H, W, 3]. `tolerance`: the largest difference of a probability, by precision. `on_step` is
    called with what is done next, in words. What was measured for engines goes into the manifest. Raises ManifestError
    for files that do not match, VerificationError when nothing can run or would serve the model.
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
        results.append(_verify(backend, directory, manifest, clips, expected, tolerance))
    _record(directory, manifest, results)
    return results


def _verify(
    backend: Backend,
    directory: Path,
    manifest: Manifest,
    clips: Frames,
    expected: Outputs,
    tolerance: Mapping[str, float],
) -> Result:
    engine = backend.engine
    try:
        with backend.open() as session:
            ran, found = session.description, answers(session, clips)
    except VerificationError as error:
        precision = engine.precision if engine else ""
        return Result(backend.name, precision, "", backend.served, engine, None, f"cannot run here: {error}")
    measured = compare_all(found, expected)
    problem = problem_of(measured, ran.precision, directory, manifest, clips, tolerance)
    return Result(ran.backend, ran.precision, ran.device, backend.served, engine, measured, problem)


def problem_of(
    measured: Verification,
    precision: str,
    directory: Path,
    manifest: Manifest,
    clips: Frames,
    tolerance: Mapping[str, float] = TOLERANCE,
) -> str | None:
    """What is wrong with figures at a precision, naming the layer if the network overflows; None if they are good."""
    if measured.nan_count:
        where = _first_overflow(precision, directory, manifest, clips)
        return f"{measured.nan_count} values are no numbers: {precision} overflows{where}"
    if measured.max_abs_difference > tolerance[precision]:
        return f"probabilities differ by up to {measured.max_abs_difference:.2g}; {tolerance[precision]:g} is allowed"
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
    except Exception as error:  # what is known must be told, whatever else a runtime raises
        return f"; in which layer is not known: {error}"
    return "".join(f", first in {layer}" for layer in layers if layer)


def _record(directory: Path, manifest: Manifest, results: list[Result]) -> None:
    measured = {result.engine.file: result.measured for result in results if result.engine and result.measured}
    engines = tuple(
        engine.model_copy(update={"verification": measured.get(engine.file, engine.verification)})
        for engine in manifest.engines
    )
    if measured:
        manifest.model_copy(update={"engines": engines}).save(directory)
