"""From a `.wts` file to a model directory."""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from .architecture import Network, recognise
from .errors import BuildError, NetworkError, WtsError
from .files import replacing, sha256_of
from .manifest import ClipFormat, Manifest, OnnxFile, Precision
from .onnx_graph import build_onnx
from .wts import Tensors, read_wts

ONNX_NAMES: dict[Precision, str] = {"fp32": "model.onnx", "fp16": "model.fp16.onnx"}
KINETICS_CLASSES = 400


@dataclass(frozen=True)
class BuildOptions:
    """What a build needs besides the weights. `labels`: one a class, or None for Kinetics-400's."""

    name: str
    clip: ClipFormat = field(default_factory=ClipFormat)
    labels: tuple[str, ...] | None = None
    precisions: tuple[Precision, ...] = ("fp32",)


def build_model(weights: Path, directory: Path, options: BuildOptions) -> Manifest:
    """Write `directory`'s ONNX networks and, last, its manifest.

    Raises BuildError; no file is changed unless the weights, labels and every graph are good.
    """
    tensors = read_wts(weights)
    network = recognise_wts(tensors)
    labels = check_labels(options.labels, network.classes)
    graphs = {}
    for precision in options.precisions:
        try:
            model = build_onnx(network, tensors, options.clip, precision)
        except NetworkError as error:
            raise _with_line(tensors, error) from error
        graphs[precision] = model.SerializeToString(deterministic=True)
    entries = {precision: _write(directory, ONNX_NAMES[precision], graph) for precision, graph in graphs.items()}
    manifest = Manifest(
        name=options.name,
        architecture=network.architecture,
        labels=labels,
        clip=options.clip,
        weights_sha256=sha256_of(weights),
        onnx=entries,
    )
    manifest.save(directory)
    return manifest


def recognise_wts(tensors: Tensors) -> Network:
    """Like `recognise`, but the error (WtsError) names the line of the file too."""
    try:
        return recognise({name: values.size for name, values in tensors.items()})
    except NetworkError as error:
        raise _with_line(tensors, error) from error


def _with_line(tensors: Tensors, error: NetworkError) -> BuildError:
    names = list(tensors)
    return WtsError(names.index(error.tensor) + 2, error.tensor, error.reason) if error.tensor in names else error


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
