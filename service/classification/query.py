"""What may be asked of a classification, in place of the model's own sampling."""

from dataclasses import dataclass
from typing import Literal

from engine_builder.manifest import Aggregate, Manifest, Sampling, Tail

from ..errors import ParameterError


@dataclass(frozen=True)
class Terms:
    """How a video is worked on. `background`: nobody waits for it, so that it lets others go first, at the decoder and
    at the network. `seconds`: processor time that decoding may take; None: as long as a request may."""

    background: bool = False
    seconds: float | None = None


INTERACTIVE = Terms()


@dataclass(frozen=True)
class Query:
    """None: as the model has it. `clips` "all": one every `stride` frames. `start`, `end`: seconds of the video.

    `embedding`: what the network makes of each clip is told too, not only its probabilities.
    """

    frame_rate: float | None = None
    clips: int | Literal["all"] | None = None
    stride: int | None = None
    tail: Tail | None = None
    aggregate: Aggregate | None = None
    threshold: float | None = None
    start: float | None = None
    end: float | None = None
    embedding: bool = False

    def check(self, manifest: Manifest) -> None:
        """Raises ParameterError for what the model does not have."""
        if self.embedding and manifest.embedding is None:
            raise ParameterError(
                "embedding: this model gives no embeddings; build it again (imported networks have none)"
            )

    def over(self, sampling: Sampling) -> Sampling:
        """The model's sampling with what is asked in its place."""
        changed = sampling.having(
            frame_rate=self.frame_rate,
            clips=None if self.clips == "all" else self.clips,
            stride=self.stride,
            tail=self.tail,
            aggregate=self.aggregate,
            threshold=self.threshold,
        )
        return changed.model_copy(update={"clips": None}) if self.clips == "all" else changed
