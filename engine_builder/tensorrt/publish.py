"""Add an engine to a model directory: build, verify, then publish with the manifest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import onnx

from ..errors import BuildError, VerificationError
from ..files import replacing, sha256_of
from ..manifest import Engine, Manifest, Precision, Verification, checked_file
from ..quantization.calibration import Calibrated
from ..quantization.publish import judge
from ..quantization.qdq import Scheme, quantise
from ..reference import reference
from ..sample_clips import made_up_clips
from ..serving import Serving
from ..verify import compare, problem_of
from .build import EngineOptions, Progress, build_engine, load_runtime
from .gpu import find_gpu

TIMING_CACHE = "timing.cache"


def add_engine(
    directory: Path,
    precision: Precision,
    options: EngineOptions,
    serving: Serving | None,
    progress: Progress | None = None,
    calibrated: Calibrated | None = None,
) -> Engine:
    """Build the engine of one precision from the directory's own ONNX network and enter it in the manifest.

    An int8 engine is made of what was `calibrated`. `serving` runs it beside the reference first, and nothing is
    published if that fails; None leaves the verification out. Raises BuildError.
    """
    manifest = Manifest.load(directory)
    trt = load_runtime(options.runtime)
    with _network(directory, manifest, precision, calibrated) as model:
        content = build_engine(trt, model, manifest.clip, options, directory / TIMING_CACHE, progress)
    measured = None
    if serving is not None:
        measured = _verify(serving, trt, content, options.max_batch, directory, manifest, precision, calibrated)
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


@contextmanager
def _network(
    directory: Path, manifest: Manifest, precision: Precision, calibrated: Calibrated | None
) -> Iterator[Path]:
    """The ONNX file to build from."""
    if precision != "int8":
        yield checked_file(directory, manifest.onnx[precision])
        return
    if calibrated is None:
        # TensorRT's parser reads the uint8 scales of the directory's int8 network as int8 and clips: it only warns.
        raise BuildError("no TensorRT engine is made of the int8 network as it is: TensorRT has no uint8 activations")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "signed.onnx"
        onnx.save(quantise(calibrated.model, calibrated.ranges, Scheme.SIGNED), path)
        yield path


def _verify(
    serving: Serving,
    trt: ModuleType,
    content: bytes,
    max_batch: int,
    directory: Path,
    manifest: Manifest,
    precision: Precision,
    calibrated: Calibrated | None,
) -> Verification:
    """Run the engine beside the fp32 reference, one of int8 with the clips that were held out for that.

    Raises VerificationError, naming the layer if fp16 overflows.
    """
    clips = np.stack(calibrated.held_out) if calibrated else made_up_clips(manifest.clip)
    try:
        found = serving.run_engine(trt, content, max_batch, manifest, precision, clips)
    except VerificationError as error:
        raise VerificationError(f"the engine cannot be verified: {error}; --no-verify leaves it out") from error
    if calibrated is not None:
        judgement = judge(found, calibrated.expected)
        measured, problem = judgement.measured, "; ".join(judgement.faults)
    else:
        measured = compare(found, reference(directory, manifest, clips))
        problem = problem_of(measured, precision, directory, manifest, clips) or ""
    if problem:
        raise VerificationError(problem)
    return measured
