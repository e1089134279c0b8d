"""Counting what is right: confusion and top-k. Pure functions over NumPy arrays of label indices."""

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def confusion(truth: Indices, answered: Indices, classes: int) -> Indices:
    """How often each label was answered for each: int64 [classes, classes], rows the truth.

    `truth` and `answered`: [n], from 0 to `classes` - 1. Raises ValueError for any other index.
    """
    both = np.stack([truth, answered]) if len(truth) else np.zeros((2, 0), np.int64)
    if both.size and not 0 <= both.min() <= both.max() < classes:
        raise ValueError(f"labels are from 0 to {classes - 1}")
    return np.bincount(both[0] * classes + both[1], minlength=classes * classes).reshape(classes, classes)


def among_first(truth: Indices, ranked: Indices) -> int:
    """How often the truth, [n], is among the answers, [n, k]."""
    return int((ranked == truth[:, np.newaxis]).any(axis=1).sum())
