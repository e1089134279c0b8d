"""What the builder needs from whoever serves its models, so that what is verified is what is served.

The builder imports no service: it is handed one through the entry point group `r3d.serving`. An entry there names an
object, such as a module, with the functions of `Serving`.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from .errors import VerificationError
from .manifest import ClipFormat, Engine, Frames, Manifest, Outputs, Precision

GROUP = "r3d.serving"


class Description(Protocol):
    """What ran, in the service's own words."""

    @property
    def backend(self) -> str:
        """Such as "openvino"."""

    @property
    def precision(self) -> str:
        """Such as "bf16"."""

    @property
    def device(self) -> str:
        """Such as the processor's name."""


class Session(Protocol):
    """A loaded network, for the thread that loaded it. Its methods may raise anything when the device fails."""

    @property
    def description(self) -> Description:
        """What runs."""

    @property
    def max_batch(self) -> int:
        """Largest batch of `infer`, in clips."""

    def infer(self, frames: Frames) -> Outputs:
        """Clips uint8 [n, T, H, W, 3], n from 1 to `max_batch`, to what the network gives. May be NaN."""


class EngineSession(Session, Protocol):
    """A loaded TensorRT engine."""

    @property
    def depth(self) -> int:
        """Batches that may be started and not finished."""

    def start(self, clips: Sequence[Frames]) -> Any:
        """Begin a batch of clips uint8 [T, H, W, 3]; returns what `finish` needs."""

    def finish(self, in_flight: Any) -> Outputs:
        """Wait for a batch, the oldest first."""

    def layers(self) -> str:
        """The engine's layers as JSON, by TensorRT's engine inspector."""


class Backend(Protocol):
    """One way to serve a model on this machine. It is loaded by `open` and gone after the block."""

    @property
    def name(self) -> str:
        """The runtime: what is known before it is loaded."""

    @property
    def engine(self) -> Engine | None:
        """The manifest's entry, for a TensorRT engine; None for what runs the ONNX network."""

    @property
    def served(self) -> bool:
        """Whether this is the one that the service would take now."""

    def open(self) -> AbstractContextManager[Session]:
        """Load it. Raises VerificationError with the reason when it cannot be loaded here."""


class Serving(Protocol):
    """A service's decoding and its backends. Not for use in a running event loop."""

    def clips(self, video: Path, clip: ClipFormat, limit: int) -> Frames:
        """The first clips of a video, at most `limit`, decoded as for serving: uint8 [n, T, H, W, 3] RGB, n >= 1.

        Raises VerificationError with the reason when the video holds no whole clip or cannot be decoded.
        """

    def backends(self, directory: Path, manifest: Manifest) -> Iterator[Backend]:
        """Everything installed here that could serve the model, each of the manifest's engines included.

        An engine that cannot run here is among them; its `open` says why. Raises VerificationError when nothing would
        serve the model here.
        """

    def measure(self, directory: Path, manifest: Manifest) -> dict[str, float]:
        """Seconds per clip of each way that the service's settings allow to run the ONNX network here, measured now.

        The service takes the fastest from then on. Raises VerificationError when there is none.
        """

    def runtime_problem(self, runtime: str) -> str | None:
        """Why engines of `tensorrt` or `tensorrt_rtx` cannot run on this machine; None if nothing speaks against it."""

    def engine_problem(self, directory: Path, manifest: Manifest, precision: Precision, runtime: str) -> str | None:
        """Why no engine of the manifest, of this precision and runtime, runs on GPU 0; None if one does."""

    def trt_logger(self, trt: ModuleType) -> Any:
        """What takes the messages of a TensorRT module: it has one for as long as the process lives, the first."""

    def open_engine(
        self, trt: ModuleType, content: bytes, engine: Engine, manifest: Manifest
    ) -> AbstractContextManager[EngineSession]:
        """Load a serialised engine that no manifest names yet, on GPU 0, with its module `trt`.

        Raises VerificationError with the reason when it cannot be loaded here.
        """


def find_serving() -> Serving:
    """The installed service. Raises VerificationError with what to do when there is none, or it cannot be imported."""
    entry = next(iter(entry_points(group=GROUP)), None)
    if entry is None:
        raise VerificationError(
            f"no service to verify models with (entry point {GROUP}): install this project again, with pip"
        )
    try:
        return cast(Serving, entry.load())
    except ImportError as error:
        raise VerificationError(f"the service {entry.value} cannot be imported: {error}") from error
