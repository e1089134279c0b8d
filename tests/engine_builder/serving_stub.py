"""A service to verify with whose backends give the answers that a test wants."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from engine_builder.errors import VerificationError
from engine_builder.manifest import ClipFormat, Engine, Frames, Manifest, Outputs, Precision
from engine_builder.serving import Backend, Description, find_serving


@dataclass(frozen=True)
class Answering:
    """A backend with ready answers, or with the reason why it does not run."""

    answers: Outputs | str
    precision: str = "fp32"
    engine: Engine | None = None
    served: bool = True
    name: str = "stub"

    @contextmanager
    def open(self) -> Iterator["StubSession"]:
        if isinstance(self.answers, str):
            raise VerificationError(self.answers)
        description = SimpleNamespace(backend=self.name, precision=self.precision, device="a device")
        yield StubSession(description, self.answers)


class StubSession:
    """A loaded engine that has the answers to the clips in their order, again and again."""

    max_batch, depth = 1, 1

    def __init__(self, description: Description, answers: Outputs) -> None:
        self.description = description
        self._answers, self._next = answers, cycle(range(len(answers.probabilities)))

    def infer(self, frames: Frames) -> Outputs:
        return self._answers.of(np.array([next(self._next) for _ in frames]))

    def start(self, clips: Sequence[Frames]) -> Outputs:
        return self.infer(np.stack(clips))

    def finish(self, in_flight: Outputs) -> Outputs:
        return in_flight

    def layers(self) -> str:
        return "[]"


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

    def runtime_problem(self, runtime: str) -> str | None:
        return None

    def engine_problem(self, directory: Path, manifest: Manifest, precision: Precision, runtime: str) -> str | None:
        return None if any(each.precision == precision for each in manifest.engines) else "none of this precision"

    def trt_logger(self, trt: ModuleType) -> Any:
        return find_serving().trt_logger(trt)

    def open_engine(
        self, trt: ModuleType, content: bytes, engine: Engine, manifest: Manifest
    ) -> AbstractContextManager[StubSession]:
        assert engine.precision == self._backends[0].precision
        return self._backends[0].open()
