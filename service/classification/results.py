"""What is known of a video: clip by clip, and once it is through."""

from dataclasses import dataclass, field

from engine_builder.manifest import Embeddings, Probabilities, Sampling

from ..decoding.messages import ClipSpan, Ended, Opened
from ..inference.clip_queue import Outcome
from .vote import Tally, Verdict


@dataclass(frozen=True)
class ClipResult:
    """A clip's place in the video, and what the network made of it."""

    span: ClipSpan
    outcome: Outcome

    @property
    def probabilities(self) -> Probabilities:
        """float32 [classes]; not to be written to."""
        return self.outcome.probabilities

    @property
    def embedding(self) -> Embeddings | None:
        """float32 [features], if it was asked for; not to be written to."""
        return self.outcome.embedding


@dataclass
class Counting:
    """A video's clips by one sampling, as far as they are known."""

    sampling: Sampling
    tally: Tally
    clips: list[ClipResult] = field(default_factory=list)

    def add(self, result: ClipResult) -> None:
        """Count one clip more."""
        self.tally.add(result.probabilities)
        self.clips.append(result)

    @property
    def verdict(self) -> Verdict:
        """By all of them. Raises ValueError when there is none."""
        return self.tally.verdict(self.sampling.aggregate)


@dataclass(frozen=True)
class Classification:
    """Everything known of a video once it is through; `sampling` is what was used, from `start` to `end` seconds of the
    video. The other times are seconds of `time.monotonic`."""

    verdict: Verdict
    sampling: Sampling
    clips: list[ClipResult]
    opened: Opened
    ended: Ended
    started: float
    decoded: float
    finished: float
    start: float = 0.0
    end: float | None = None

    @property
    def queue_seconds(self) -> float:
        """Time the clips waited for the network, summed."""
        return sum(result.outcome.queued_seconds for result in self.clips)

    @property
    def inference_seconds(self) -> float:
        """The clips' shares of their batches' time, summed."""
        return sum(result.outcome.inference_seconds for result in self.clips)

    @property
    def total_seconds(self) -> float:
        """From the file to the verdict."""
        return self.finished - self.started
