"""Embeddings in JSON: short numbers, and the same float32 again."""

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from service.api.embedding import Embedding, shortest


class Holder(BaseModel):
    values: Embedding


def test_numbers_are_those_that_numpy_writes_of_a_float32() -> None:
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(5000) * 10.0 ** rng.integers(-12, 8, 5000)).astype(np.float32)
    assert shortest(values) == [float(str(value)) for value in values]


@pytest.mark.parametrize(
    "value", [0.0, 1.0, 0.1, 0.5, 1 / 3, 16777216.0, 123456.7, 1e-30, 1e-45, 3.4028234663852886e38, -2.5e-7]
)
def test_every_number_is_the_same_float32_again(value: float) -> None:
    [found] = shortest(np.array([value], np.float32))
    assert np.float32(found) == np.float32(value)


def test_it_is_a_list_of_numbers_in_json_and_an_array_in_memory() -> None:
    held = Holder(values=np.array([0.1, 0.25], np.float32))
    assert held.model_dump_json() == '{"values":[0.1,0.25]}'
    again = Holder.model_validate_json(held.model_dump_json())
    assert again.values.dtype == np.float32
    assert (again.values == held.values).all()


@pytest.mark.parametrize("text", ["null", "1", '"text"', "[[1]]", '["a"]', "[[1], 2]", "[{}]"])
def test_what_is_no_list_of_numbers(text: str) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate_json(f'{{"values": {text}}}')
