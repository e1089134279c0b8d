"""What of a model directory stays when its model is built again."""

from pathlib import Path

from .errors import ManifestError
from .manifest import Engine, Manifest


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
    kept = [each for each in engines if each.precision in onnx and onnx[each.precision].sha256 == each.onnx_sha256]
    return new.model_copy(update={"onnx": onnx, "engines": tuple(kept)})


def _with_source(engine: Engine, manifest: Manifest) -> Engine:
    """Until version 0.2 engines did not say which network they were built from: it was the manifest's."""
    if engine.onnx_sha256 is not None or engine.precision not in manifest.onnx:
        return engine
    return engine.model_copy(update={"onnx_sha256": manifest.onnx[engine.precision].sha256})
