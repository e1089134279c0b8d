"""What can go wrong while building: one tree, so that a caller can catch all of it at once."""


class BuildError(Exception):
    """Base of every error the builder raises on purpose; its text is meant for the person at the terminal."""


class WtsError(BuildError):
    """A `.wts` file that breaks the format or makes no network. Names the line (from 1) and the tensor."""

    def __init__(self, line: int, tensor: str | None, reason: str) -> None:
        where = f"line {line}" + (f", tensor {tensor!r}" if tensor else "")
        super().__init__(f"{where}: {reason}")
        self.line = line
        self.tensor = tensor
        self.reason = reason


class NetworkError(BuildError):
    """Tensors that make no video network this project knows. Names the tensor that did not fit."""

    def __init__(self, tensor: str, reason: str) -> None:
        super().__init__(f"tensor {tensor!r}: {reason}")
        self.tensor = tensor
        self.reason = reason


class ManifestError(BuildError):
    """A model directory whose `model.json` is missing, malformed, or does not match its files."""


class CheckpointError(BuildError):
    """A PyTorch checkpoint that cannot be read, or whose keys are not those of a video network."""


class DownloadError(BuildError):
    """Published weights that cannot be had: no network, no space, another file than the one published."""


class VerificationError(BuildError):
    """A model that cannot be run, or whose results differ from the reference."""


class QuantizationError(BuildError):
    """A network that cannot be put into integers. Names the tensor that does not fit, if it is one."""

    def __init__(self, tensor: str | None, reason: str) -> None:
        super().__init__(f"tensor {tensor!r}: {reason}" if tensor else reason)
        self.tensor = tensor
        self.reason = reason


class OnnxImportError(BuildError):
    """An ONNX network that is no video classifier of a kind that can be wrapped."""
