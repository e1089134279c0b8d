"""From a file of weights to a model directory."""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from .errors import BuildError, NetworkError
from .files import replacing, sha256_of
from .kept import keeping
from .manifest import ClipFormat, Manifest, OnnxFile, Precision, Sampling
from .onnx_graph import build_onnx
from .weights import Weights, read_weights

ONNX_NAMES: dict[Precision, str] = {"fp32": "model.onnx", "fp16": "model.fp16.onnx"}
KINETICS_CLASSES = 400


@dataclass(frozen=True)
class BuildOptions:
    """What a build needs besides the weights. `labels`: one a class, or None for Kinetics-400's."""

    name: str
    clip: ClipFormat = field(default_factory=ClipFormat)
    labels: tuple[str, ...] | None = None
    precisions: tuple[Precision, ...] = ("fp32",)
    sampling: Sampling = field(default_factory=Sampling)


def build_model(weights: Path, directory: Path, options: BuildOptions) -> Manifest:
    """Write `directory`'s ONNX networks and, last, its manifest, from a `.wts` file or a checkpoint.

    Raises BuildError; no file is changed unless the weights, labels and every graph are good.
    """
    return build_from(read_weights(weights), sha256_of(weights), directory, options)


def build_from(weights: Weights, sha256: str, directory: Path, options: BuildOptions) -> Manifest:
    """Like `build_model`, from weights that were read already, of a file with that SHA-256."""
    network = weights.network
    labels = check_labels(options.labels, network.classes)
    graphs = {}
    for precision in options.precisions:
        try:
            model = build_onnx(network, weights.tensors, options.clip, precision)
        except NetworkError as error:
            raise weights.located(error) from error
        graphs[precision] = model.SerializeToString(deterministic=True)
    entries = {precision: _write(directory, ONNX_NAMES[precision], graph) for precision, graph in graphs.items()}
    manifest = Manifest(
        name=options.name,
        architecture=network.architecture,
        labels=labels,
        clip=options.clip,
        embedding=network.features,
        sampling=options.sampling,
        weights_sha256=sha256,
        onnx=entries,
    )
    manifest = keeping(manifest, directory)
    manifest.save(directory)
    return manifest


def _write(directory: Path, name: str, content: bytes) -> OnnxFile:
    with replacing(directory / name) as stream:
        stream.write(content)
    return OnnxFile(file=name, sha256=sha256_of(directory / name))


def check_labels(labels: tuple[str, ...] | None, classes: int) -> tuple[str, ...]:
    """The labels to use for that many classes. Raises BuildError when there are none or their number differs."""
    if labels is None:
        if classes != KINETICS_CLASSES:
            raise BuildError(f"the network has {classes} classes, not Kinetics-400's: name them with --labels FILE")
        labels = tuple(files(__package__).joinpath("labels/kinetics400.txt").read_text("utf-8").splitlines())
    if len(labels) != classes:
        raise BuildError(f"{len(labels)} labels for {classes} classes")
    if len(set(labels)) != len(labels):
        raise BuildError("the labels must differ from each other")
    return labels


def read_labels(path: Path) -> tuple[str, ...]:
    """One label a line, blank lines left out. Raises BuildError when the file cannot be read."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{path}: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())
