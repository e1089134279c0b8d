"""Clip probabilities to a verdict. Pure functions over NumPy arrays."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engine_builder.manifest import Aggregate, Probabilities


@dataclass(frozen=True)
class Verdict:
    """The video's label. `confidence` is the mean over all clips of that label's probability.

    `means`: that of every label, float64 [classes].
    """

    label_index: int
    votes: int
    confidence: float
    means: npt.NDArray[np.float64] = field(repr=False)


@dataclass
class Tally:
    """Votes and probability sums so far: all that a verdict needs, whatever the video's length."""

    votes: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    clips: int = 0

    @classmethod
    def over(cls, classes: int) -> "Tally":
        """An empty tally."""
        return cls(np.zeros(classes, np.int64), np.zeros(classes, np.float64))

    def add(self, probabilities: Probabilities) -> None:
        """Count one clip's probabilities, float32 [classes]."""
        self.votes[int(probabilities.argmax())] += 1
        self.sums += probabilities
        self.clips += 1

    def verdict(self, aggregate: Aggregate = "vote") -> Verdict:
        """The first of the ranking. Raises ValueError when no clip was counted."""
        if not self.clips:
            raise ValueError("no clip was counted")
        [winner] = self.ranking(aggregate, 1)
        means = self.sums / self.clips
        return Verdict(winner, int(self.votes[winner]), float(means[winner]), means)

    def ranking(self, aggregate: Aggregate, count: int) -> list[int]:
        """The `count` best labels, best first. By vote: most votes; a tie goes to the higher mean probability, then to
        the lower index. By mean: the highest mean probability, then the lower index."""
        keys = (-self.sums, -self.votes) if aggregate == "vote" else (-self.sums,)
        return [int(index) for index in np.lexsort(keys)[:count]]


def top_indices(probabilities: npt.NDArray[np.floating[Any]], count: int) -> list[int]:
    """The `count` most probable classes, best first; equals in the order of their index."""
    return [int(index) for index in np.argsort(-probabilities, kind="stable")[:count]]
