"""Against figures worked out by hand."""

import numpy as np
import pytest

from service.evaluation.counting import among_first, confusion


def test_a_confusion_table_has_a_row_for_each_label() -> None:
    truth = np.array([0, 0, 0, 1, 2, 2])
    answered = np.array([0, 0, 1, 1, 0, 2])
    assert confusion(truth, answered, 4).tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_nothing_is_a_table_of_zeros() -> None:
    none = np.array([], np.int64)
    assert confusion(none, none, 2).tolist() == [[0, 0], [0, 0]]
    assert among_first(none, none.reshape(0, 1)) == 0


@pytest.mark.parametrize(("truth", "answered"), [([0, 3], [0, 0]), ([0], [-1])])
def test_a_label_that_is_not_there_is_not_counted_as_another(truth: list[int], answered: list[int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 2"):
        confusion(np.array(truth), np.array(answered), 3)


def test_the_truth_is_anywhere_among_the_first() -> None:
    ranked = np.array([[4, 1, 0], [1, 4, 0], [2, 3, 4], [0, 1, 2]])
    assert among_first(np.array([4, 4, 4, 4]), ranked) == 3
    assert among_first(np.array([4, 4, 4, 4]), ranked[:, :1]) == 1
