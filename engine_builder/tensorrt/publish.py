"""Add an engine to a model directory: build, verify, then publish with the manifest."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import onnx

from ..errors import BuildError
from ..files import replacing
from ..kept import source_of
from ..manifest import Engine, Frames, Manifest, Precision, checked_file
from ..quantization.calibration import Calibrated
from ..quantization.qdq import Scheme, quantise
from ..serving import Serving, find_serving
from .beside import Beside, beside_held_out, beside_reference
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
    calibrated: Calibrated | None = None,
    clips: Frames | None = None,
) -> Engine:
    """Build the engine of one precision from the directory's own ONNX network and enter it in the manifest.

    An int8 engine is made of what was `calibrated`. `serving` runs it beside the reference first, with `clips` (uint8
    [n, T, H, W, 3], made up unless given), one of int8 with those that were held out for that, and nothing is published
    if that fails; None leaves the verification out. Raises BuildError.
    """
    serves = serving or find_serving()
    if options.runtime is Runtime.TENSORRT and (problem := serves.runtime_problem(options.runtime.value)):
        # Without CUDA its module may end the process; and an engine needs the name of its GPU.
        raise BuildError(f"no engine can be built here: {problem}")
    manifest = Manifest.load(directory)
    trt = load_runtime(options.runtime)
    with _network(directory, manifest, precision, calibrated) as model:
        # Before the build, which takes long: a reference that cannot be had is told at once.
        beside = _beside(serving, directory, manifest, calibrated, clips)
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
        onnx_sha256=manifest.onnx[source_of(precision)].sha256,
        gpu_name=gpu.name if gpu else None,
        compute_capability=gpu.compute_capability if gpu else None,
        portable=options.portable,
        verification=None,
    )


def _beside(
    serving: Serving | None, directory: Path, manifest: Manifest, calibrated: Calibrated | None, clips: Frames | None
) -> Beside | None:
    """What the engine is held against; None if it is not verified."""
    if serving is None:
        return None
    if calibrated is not None:
        return beside_held_out(serving, directory, manifest, calibrated)
    return beside_reference(serving, directory, manifest, clips)


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


def _publish(directory: Path, engine: Engine, content: bytes) -> None:
    """The manifest changes from the old engine to the new one in one step."""
    now = Manifest.load(directory)
    source = now.onnx.get(source_of(engine.precision))
    if source is None or source.sha256 != engine.onnx_sha256:
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
