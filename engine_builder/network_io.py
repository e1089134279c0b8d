"""What goes into a model directory's networks and what comes out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The network's tensors: uint8 [N, T, H, W, 3] in; float32 [N, classes] and, where it has it, [N, features] out.
INPUT = "frames"
OUTPUT = "probabilities"
EMBEDDING = "embedding"
# Clips as they go into the network: RGB, [T, H, W, 3] for one, [N, T, H, W, 3] for a batch.
Frames = npt.NDArray[np.uint8]
# What it gives: [classes] for a clip, [N, classes] for a batch.
Probabilities = npt.NDArray[np.float32]
# What its last layer classifies: [features] for a clip, [N, features] for a batch.
Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a network gives for n clips, in their order.

    `probabilities`: float32 [n, classes]. `embeddings`: float32 [n, features], after the global average pooling and
    before the last layer; None for a network that has no such output.
    """

    probabilities: Probabilities
    embeddings: Embeddings | None = None

    @property
    def invalid(self) -> int:
        """How many values are no finite numbers."""
        values = (self.probabilities,) if self.embeddings is None else (self.probabilities, self.embeddings)
        return sum(int((~np.isfinite(each)).sum()) for each in values)

    def of(self, rows: npt.NDArray[np.intp]) -> "Outputs":
        """Those of some clips, by number; a clip may be there several times."""
        return Outputs(self.probabilities[rows], None if self.embeddings is None else self.embeddings[rows])

    @classmethod
    def named(cls, tensors: Mapping[str, npt.NDArray[np.float32]]) -> "Outputs":
        """From tensors by their names in the network."""
        return cls(tensors[OUTPUT], tensors.get(EMBEDDING))

    @classmethod
    def joined(cls, batches: Sequence["Outputs"]) -> "Outputs":
        """Those of one network for several batches, one after the other, as one."""
        embeddings = [each.embeddings for each in batches if each.embeddings is not None]
        probabilities = np.concatenate([each.probabilities for each in batches])
        return cls(probabilities, np.concatenate(embeddings) if embeddings else None)
