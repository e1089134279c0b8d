"""Add an engine to a model directory: build, verify, then publish with the manifest."""

from pathlib import Path
from types import ModuleType

from ..errors import VerificationError
from ..files import replacing, sha256_of
from ..manifest import Engine, Frames, Manifest, Precision, Verification, checked_file
from ..overflow import first_overflow
from ..verify import TOLERANCE, Result, compare, reference
from .build import EngineOptions, Progress, Runtime, build_engine, load_runtime
from .gpu import find_gpu
from .run import run_engine

TIMING_CACHE = "timing.cache"


def add_engine(
    directory: Path,
    precision: Precision,
    options: EngineOptions,
    clips: Frames | None,
    progress: Progress | None = None,
) -> Engine:
    """Build the engine of one precision from the directory's own ONNX network and enter it in the manifest.

    `clips`, uint8 [n, T, H, W, 3], are run through it and the reference first, and nothing is published if that fails;
    None leaves the verification out. Raises BuildError.
    """
    manifest = Manifest.load(directory)
    trt = load_runtime(options.runtime)
    model = checked_file(directory, manifest.onnx[precision])
    content = build_engine(trt, model, manifest.clip, options, directory / TIMING_CACHE, progress)
    measured = None if clips is None else verify_engine(trt, content, directory, manifest, precision, clips)
    name = f"model.{precision}.engine"
    with replacing(directory / name) as stream:
        stream.write(content)
    gpu = find_gpu()
    engine = Engine(
        file=name,
        sha256=sha256_of(directory / name),
        precision=precision,
        max_batch=options.max_batch,
        runtime=options.runtime.value,
        runtime_version=str(trt.__version__),
        gpu_name=gpu.name if gpu else None,
        compute_capability=gpu.compute_capability if gpu else None,
        portable=options.portable,
        verification=measured,
    )
    others = tuple(other for other in manifest.engines if other.file != name)
    manifest.model_copy(update={"engines": (*others, engine)}).save(directory)
    return engine


def verify_engines(directory: Path, clips: Frames) -> list[Result]:
    """Run every engine of a model directory, and enter what was measured in the manifest.

    Raises VerificationError where one cannot run here or its results are wrong.
    """
    manifest = Manifest.load(directory)
    measured = []
    for engine in manifest.engines:
        content = checked_file(directory, engine).read_bytes()
        trt = load_runtime(Runtime(engine.runtime))
        figures = verify_engine(trt, content, directory, manifest, engine.precision, clips)
        measured.append(engine.model_copy(update={"verification": figures}))
    if measured:
        manifest.model_copy(update={"engines": tuple(measured)}).save(directory)
    return [Result(each.runtime, each.precision, each.verification, True) for each in measured if each.verification]


def verify_engine(
    trt: ModuleType, engine: bytes, directory: Path, manifest: Manifest, precision: Precision, clips: Frames
) -> Verification:
    """Run the engine beside the fp32 reference. Raises VerificationError, naming the layer if fp16 overflows."""
    found = run_engine(trt, engine, manifest.clip, len(manifest.labels), clips)
    measured = compare(found, reference(directory, manifest, clips))
    if measured.nan_count:
        layer = first_overflow(directory / manifest.onnx[precision].file, clips[0])
        where = f", first in {layer}" if layer else ""
        raise VerificationError(f"{measured.nan_count} probabilities are no numbers: {precision} overflows{where}")
    if measured.max_abs_difference > TOLERANCE[precision]:
        raise VerificationError(
            f"probabilities differ by up to {measured.max_abs_difference:.2g}; {TOLERANCE[precision]:g} is allowed"
        )
    return measured
