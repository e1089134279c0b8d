"""What the builder needs from whoever serves its models, so that what is verified is what is served.

The builder imports no service: it is handed one through the entry point group `r3d.serving`. An entry there names an
object, such as a module, with the functions of `Serving`.
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from .errors import VerificationError
from .manifest import ClipFormat, Engine, Frames, Manifest, Outputs

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


class Backend(Protocol):
    """One way to serve a model on this machine. It is loaded by `run` and gone afterwards."""

    @property
    def name(self) -> str:
        """The runtime: what is known before it is loaded."""

    @property
    def engine(self) -> Engine | None:
        """The manifest's entry, for a TensorRT engine; None for what runs the ONNX network."""

    @property
    def served(self) -> bool:
        """Whether this is the one that the service would take now."""

    def run(self, frames: Frames) -> tuple[Description, Outputs]:
        """Clips uint8 [n, T, H, W, 3], n >= 1, to what the network gives for them, in the same order.

        Values may be NaN. Raises VerificationError with the reason when this cannot be loaded or run here.
        """


class Serving(Protocol):
    """A service's decoding and its backends. Not for use in a running event loop."""

    def clips(self, video: Path, clip: ClipFormat, limit: int) -> Frames:
        """The first clips of a video, at most `limit`, decoded as for serving: uint8 [n, T, H, W, 3] RGB, n >= 1.

        Raises VerificationError with the reason when the video holds no whole clip or cannot be decoded.
        """

    def backends(self, directory: Path, manifest: Manifest) -> Iterator[Backend]:
        """Everything installed here that could serve the model, each of the manifest's engines included.

        An engine that cannot run here is among them; its `run` says why. Raises VerificationError when nothing would
        serve the model here.
        """

    def measure(self, directory: Path, manifest: Manifest) -> dict[str, float]:
        """Seconds per clip of each way that the service's settings allow to run the ONNX network here, measured now.

        The service takes the fastest from then on. Raises VerificationError when there is none.
        """

    def run_engine(
        self,
        trt: ModuleType,
        content: bytes,
        max_batch: int,
        manifest: Manifest,
        precision: str,
        frames: Frames,
    ) -> Outputs:
        """Run a serialised engine that the manifest does not name yet, on GPU 0, with the module `trt` that built it.

        `frames` and the result are as for `Backend.run`. Raises VerificationError with the reason when it does not run.
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
