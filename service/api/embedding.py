"""An embedding in JSON: a list of numbers, none longer than its float32 needs. In memory it stays an array."""

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

# Decimal digits that tell every float32 apart, and those that each of them can be told to.
MOST_DIGITS, LEAST_DIGITS = 9, 6


def shortest(values: npt.NDArray[np.float32]) -> list[float]:
    """For each value the number of the fewest digits, from 6 to 9, that is this float32 again.

    Written as they are, float32 in float64 have 17 digits, of which the last 8 say nothing.
    """
    exact = values.astype(np.float64)
    places = np.floor(np.log10(np.abs(exact), where=exact != 0, out=np.zeros_like(exact)))
    found = exact.copy()
    for digits in range(MOST_DIGITS, LEAST_DIGITS - 1, -1):
        scale = 10.0 ** (digits - 1 - places)
        rounded = np.rint(exact * scale) / scale
        found = np.where(rounded.astype(np.float32) == values, rounded, found)
    numbers: list[float] = found.tolist()
    return numbers


def _array(value: Any) -> npt.NDArray[np.float32]:
    """From a list of numbers, or an array. Raises ValueError for anything else."""
    try:
        found = np.asarray(value, np.float32)
    except TypeError as error:
        raise ValueError("not a list of numbers") from error
    if found.ndim != 1:
        raise ValueError("not a list of numbers")
    return found


Embedding = Annotated[
    npt.NDArray[np.float32],
    PlainValidator(_array),
    PlainSerializer(shortest, return_type=list[float]),
    WithJsonSchema({"type": "array", "items": {"type": "number"}}),
]
