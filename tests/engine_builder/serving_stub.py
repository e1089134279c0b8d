"""A service to verify with whose backends give the answers that a test wants."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

from engine_builder.errors import VerificationError
from engine_builder.manifest import ClipFormat, Engine, Frames, Manifest, Outputs
from engine_builder.serving import Backend, Description, find_serving


@dataclass(frozen=True)
class Answering:
    """A backend with ready answers, or with the reason why it does not run."""

    answers: Outputs | str
    precision: str = "fp32"
    engine: Engine | None = None
    served: bool = True
    name: str = "stub"

    def run(self, frames: Frames) -> tuple[Description, Outputs]:
        if isinstance(self.answers, str):
            raise VerificationError(self.answers)
        assert len(frames) == len(self.answers.probabilities)
        return SimpleNamespace(backend=self.name, precision=self.precision, device="a device"), self.answers


class ServingStub:
    """Decodes as the real one does."""

    def __init__(self, *backends: Answering) -> None:
        self._backends = backends

    def clips(self, video: Path, clip: ClipFormat, limit: int) -> Frames:
        return find_serving().clips(video, clip, limit)

    def backends(self, directory: Path, manifest: Manifest) -> Iterator[Backend]:
        yield from self._backends

    def measure(self, directory: Path, manifest: Manifest) -> dict[str, float]:
        return {"stub fp32": 1.0}

    def run_engine(
        self,
        trt: ModuleType,
        content: bytes,
        max_batch: int,
        manifest: Manifest,
        precision: str,
        frames: Frames,
    ) -> Outputs:
        assert precision == self._backends[0].precision
        return self._backends[0].run(frames)[1]
