"""Weights from a file of any format that is read here: `.wts`, or a checkpoint."""

from dataclasses import dataclass
from pathlib import Path

from .architecture import Network, recognise
from .checkpoints.load import load_checkpoint
from .errors import BuildError, NetworkError, WtsError
from .wts import WTS_START, Tensors, read_wts

WTS_SUFFIX = ".wts"
HEAD_BYTES = 64


@dataclass(frozen=True)
class Weights:
    """A recognised network and its flat float32 tensors. `ignored`: keys of the file that the network does not need."""

    network: Network
    tensors: Tensors
    ignored: tuple[str, ...] = ()
    numbered: bool = False  # each tensor is a line of its file

    def located(self, error: NetworkError) -> BuildError:
        """The error with the line of the file it is about, where the file has lines."""
        return _with_line(self.tensors, error) if self.numbered else error


def read_weights(path: Path) -> Weights:
    """The network in a `.wts`, `.pth`, `.pt` or `.safetensors` file.

    Raises WtsError or CheckpointError, also when the tensors make no network.
    """
    if not _is_wts(path):
        checkpoint = load_checkpoint(path)
        return Weights(checkpoint.network, checkpoint.tensors, checkpoint.ignored)
    tensors = read_wts(path)
    return Weights(recognise_wts(tensors), tensors, numbered=True)


def recognise_wts(tensors: Tensors) -> Network:
    """Like `recognise`, but the error (WtsError) names the line of the file too."""
    try:
        return recognise({name: values.size for name, values in tensors.items()})
    except NetworkError as error:
        raise _with_line(tensors, error) from error


def _is_wts(path: Path) -> bool:
    if path.suffix == WTS_SUFFIX:
        return True
    try:
        with path.open("rb") as stream:
            return WTS_START.match(stream.read(HEAD_BYTES)) is not None
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror}") from error


def _with_line(tensors: Tensors, error: NetworkError) -> BuildError:
    names = list(tensors)
    return WtsError(names.index(error.tensor) + 2, error.tensor, error.reason) if error.tensor in names else error
