"""What of a model directory stays when its model is built again."""

from pathlib import Path

from .errors import ManifestError
from .manifest import Engine, Manifest, Precision


def keeping(new: Manifest, directory: Path) -> Manifest:
    """The new manifest, with the directory's other networks and engines, where its fp32 network is the same still.

    So a build that takes an hour, or fails, takes nothing away from a service that starts meanwhile.
    """
    try:
        old = Manifest.load(directory)
    except ManifestError:
        return new
    if old.onnx["fp32"].sha256 != new.onnx["fp32"].sha256:
        return new
    onnx = {**old.onnx, **new.onnx}
    engines = [_with_source(engine, old) for engine in old.engines]
    known = {(precision, network.sha256) for precision, network in onnx.items()}
    kept = [each for each in engines if (source_of(each.precision), each.onnx_sha256) in known]
    return new.model_copy(update={"onnx": onnx, "engines": tuple(kept)})


def source_of(precision: Precision) -> Precision:
    """The network that engines of a precision are built from: those of int8 from fp32's, with ranges of its values."""
    return "fp32" if precision == "int8" else precision


def _with_source(engine: Engine, manifest: Manifest) -> Engine:
    """Until version 0.2 engines did not say which network they were built from: it was the manifest's."""
    source = manifest.onnx.get(source_of(engine.precision))
    if engine.onnx_sha256 is not None or source is None:
        return engine
    return engine.model_copy(update={"onnx_sha256": source.sha256})
