"""A model directory of an ONNX network from elsewhere, verified against it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from .build import ONNX_NAMES, check_labels
from .errors import OnnxImportError, VerificationError
from .files import replacing, sha256_of
from .kept import keeping
from .manifest import OUTPUT, ClipFormat, Manifest, OnnxFile, Outputs, Probabilities, Sampling
from .onnx_import import Classifier, read_classifier, wrap
from .reference import full_precision
from .sample_clips import made_up_clips
from .verify import TOLERANCE, compare

CLIPS = 2
SUM_TOLERANCE = 1e-3
DEFAULT_RATIO = 8 / 7  # torchvision's: 256 to 224, 128 to 112


@dataclass(frozen=True)
class ImportOptions:
    """What the graph does not say. Sizes in pixels; None: as the graph has them, and `resize` an eighth more."""

    name: str
    labels: tuple[str, ...] | None = None
    frames: int | None = None
    size: int | None = None
    resize: tuple[int, int] | None = None
    mean: tuple[float, ...] = ClipFormat().mean
    std: tuple[float, ...] = ClipFormat().std
    sampling: Sampling = field(default_factory=Sampling)


def import_onnx(path: Path, directory: Path, options: ImportOptions) -> Manifest:
    """Wrap the network at `path`, run it beside itself as it was, and write `directory`.

    Raises BuildError: OnnxImportError for a network of another kind, VerificationError when the two differ or ONNX
    Runtime is missing. No file is written then.
    """
    classifier = read_classifier(path)
    clip = _clip_of(classifier, options)
    clips = made_up_clips(clip, CLIPS)
    expected, softmax = _probabilities(path, classifier, clips, clip)
    classes = expected.shape[1]
    labels = check_labels(options.labels, classes)
    content = wrap(classifier, clip, classes, softmax).SerializeToString(deterministic=True)
    _verify(content, clips, expected)
    with replacing(directory / ONNX_NAMES["fp32"]) as stream:
        stream.write(content)
    file = OnnxFile(file=ONNX_NAMES["fp32"], sha256=sha256_of(directory / ONNX_NAMES["fp32"]))
    manifest = Manifest(
        name=options.name,
        architecture=path.stem,
        labels=labels,
        clip=clip,
        sampling=options.sampling,
        weights_sha256=sha256_of(path),
        onnx={"fp32": file},
    )
    manifest = keeping(manifest, directory)
    manifest.save(directory)
    return manifest


def _clip_of(classifier: Classifier, options: ImportOptions) -> ClipFormat:
    time, height, width = classifier.sizes
    for what, asked, fixed in (("frames", options.frames, time), ("size", options.size, height)):
        if asked is None and fixed is None:
            raise OnnxImportError(f"the graph does not say how many; name them with --{what}")
        if asked is not None and fixed is not None and asked != fixed:
            raise OnnxImportError(f"the graph takes {fixed}, not --{what} {asked}")
    height, width = height or options.size or 0, width or options.size or 0
    resize_width, resize_height = options.resize or (round(width * DEFAULT_RATIO), round(height * DEFAULT_RATIO))
    values: dict[str, Any] = {"mean": options.mean, "std": options.std}
    try:
        return ClipFormat(
            frames=time or options.frames or 0,
            height=height,
            width=width,
            resize_height=resize_height,
            resize_width=resize_width,
            **values,
        )
    except ValidationError as error:
        raise OnnxImportError(f"these options make no clip: {error.errors()[0]['msg']}") from error


def _probabilities(
    path: Path, classifier: Classifier, clips: np.ndarray[Any, Any], clip: ClipFormat
) -> tuple[Probabilities, bool]:
    """What the network as it was gives for clips, as probabilities, and whether that took a softmax."""
    try:
        import onnxruntime
    except ImportError as error:
        raise VerificationError("ONNX Runtime is needed to verify it: install the `onnxruntime` extra") from error
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        prepared = classifier.prepared(clips, clip)
        found = [session.run(None, {classifier.input.name: prepared[i : i + 1]})[0] for i in range(len(clips))]
    except Exception as error:  # a runtime may raise anything
        raise OnnxImportError(f"{path} does not run: {str(error).splitlines()[0]}") from error
    values = np.concatenate(found).astype(np.float32)
    if not np.isfinite(values).all():
        raise VerificationError(f"{path} gives values that are no numbers")
    if (values >= 0).all() and np.abs(values.sum(1) - 1).max() < SUM_TOLERANCE:
        return values, False
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True), True


def _verify(content: bytes, clips: np.ndarray[Any, Any], expected: Probabilities) -> None:
    """One clip, and all at once: a batch that is fixed in the graph shows there."""
    run = full_precision(content)
    try:
        found = [run(clips[:1])[OUTPUT], run(clips)[OUTPUT]]
    except Exception as error:  # a runtime may raise anything
        raise OnnxImportError(
            f"the network takes no batch of {len(clips)} clips: export it with a dynamic first dimension, from an "
            f"example of two clips ({str(error).splitlines()[0][:200]})"
        ) from error
    for each in found:
        wanted = expected[: len(each)]
        measured = compare(Outputs(each), Outputs(wanted)) if each.shape == wanted.shape else None
        if measured is None or measured.nan_count or measured.max_abs_difference > TOLERANCE["fp32"]:
            raise VerificationError(f"the wrapped network differs from the original: {measured or each.shape}")
