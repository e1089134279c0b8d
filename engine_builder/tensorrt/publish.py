"""Add an engine to a model directory: build, verify, then publish with the manifest."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from ..errors import BuildError, VerificationError
from ..files import replacing
from ..manifest import Engine, Frames, Manifest, Precision, Verification, checked_file
from ..reference import reference
from ..sample_clips import made_up_clips
from ..serving import Serving, find_serving
from ..verify import TOLERANCE, answers, compare_all, problem_of
from .build import EngineOptions, Progress, Runtime, build_engine, load_runtime
from .gpu import find_gpu

# Of what is this much the same, the newer engine takes the older one's place; any other stays beside it.
KEY = ("precision", "runtime", "portable", "gpu_name", "compute_capability")


def add_engine(
    directory: Path,
    precision: Precision,
    options: EngineOptions,
    serving: Serving | None,
    progress: Progress | None = None,
    clips: Frames | None = None,
) -> Engine:
    """Build the engine of one precision from the directory's own ONNX network and enter it in the manifest.

    `serving` runs it beside the reference first, with `clips` (uint8 [n, T, H, W, 3], made up unless given), and
    nothing is published if that fails; None leaves the verification out. Raises BuildError.
    """
    if precision == "int8":
        # Its parser reads uint8 scales as int8 and clips, with only a warning.
        raise BuildError("no TensorRT engine is made of the int8 network: TensorRT has no uint8 activations")
    serves = serving or find_serving()
    if options.runtime is Runtime.TENSORRT and (problem := serves.runtime_problem(options.runtime.value)):
        # Without CUDA its module may end the process; and an engine needs the name of its GPU.
        raise BuildError(f"no engine can be built here: {problem}")
    manifest = Manifest.load(directory)
    trt = load_runtime(options.runtime)
    model = checked_file(directory, manifest.onnx[precision])
    # Before the build, which takes long: a reference that cannot be had is told at once.
    beside = Beside(serving, directory, manifest, clips) if serving is not None else None
    content = build_engine(trt, model, manifest.clip, options, directory, progress)
    engine = entry_of(content, trt, precision, options, manifest)
    if beside is not None:
        engine = engine.model_copy(update={"verification": beside.verify(trt, content, engine)})
    _publish(directory, engine, content)
    return engine


def entry_of(
    content: bytes, trt: ModuleType, precision: Precision, options: EngineOptions, manifest: Manifest
) -> Engine:
    """What the manifest will say of a serialised engine, before it was verified."""
    gpu = find_gpu() if options.runtime is Runtime.TENSORRT else None
    sha256 = hashlib.sha256(content).hexdigest()
    return Engine(
        # Of a name of its own, it changes nothing until the manifest names it.
        file=f"model.{precision}.{sha256[:12]}.engine",
        sha256=sha256,
        precision=precision,
        max_batch=options.max_batch,
        runtime=options.runtime.value,
        runtime_version=str(trt.__version__),
        onnx_sha256=manifest.onnx[precision].sha256,
        gpu_name=gpu.name if gpu else None,
        compute_capability=gpu.compute_capability if gpu else None,
        portable=options.portable,
        verification=None,
    )


class Beside:
    """The reference's answers, to hold an engine's against."""

    def __init__(self, serving: Serving, directory: Path, manifest: Manifest, clips: Frames | None) -> None:
        self._serving, self._directory, self._manifest = serving, directory, manifest
        self._clips = made_up_clips(manifest.clip) if clips is None else clips
        self._expected = reference(directory, manifest, self._clips)

    def verify(
        self, trt: ModuleType, content: bytes, engine: Engine, tolerance: Mapping[str, float] = TOLERANCE
    ) -> Verification:
        """Run an engine. Raises VerificationError if it does not run or differs, naming the layer if fp16 overflows."""
        manifest = self._manifest
        try:
            with self._serving.open_engine(trt, content, engine, manifest) as session:
                found = answers(session, self._clips)
        except VerificationError as error:
            raise VerificationError(f"the engine cannot be verified: {error}; --no-verify leaves it out") from error
        measured = compare_all(found, self._expected)
        problem = problem_of(measured, engine.precision, self._directory, manifest, self._clips, tolerance)
        if problem is not None:
            raise VerificationError(problem)
        return measured


def _publish(directory: Path, engine: Engine, content: bytes) -> None:
    """The manifest changes from the old engine to the new one in one step."""
    now = Manifest.load(directory)
    if now.onnx.get(engine.precision) is None or now.onnx[engine.precision].sha256 != engine.onnx_sha256:
        raise BuildError(f"{directory} was changed while the engine was built: build it again")
    with replacing(directory / engine.file) as stream:
        stream.write(content)
    others = tuple(each for each in now.engines if not _replaces(engine, each))
    now.model_copy(update={"engines": (*others, engine)}).save(directory)
    named = {each.file for each in (*others, engine)}
    for gone in {each.file for each in now.engines} - named:
        with suppress(FileNotFoundError):
            (directory / gone).unlink()


def _replaces(new: Engine, old: Engine) -> bool:
    return all(getattr(new, name) == getattr(old, name) for name in KEY)
