import numpy as np
import pytest

from service.classification.vote import Tally, top_indices


def tally_of(*clips: list[float]) -> Tally:
    tally = Tally.over(len(clips[0]))
    for clip in clips:
        tally.add(np.array(clip, np.float32))
    return tally


def test_most_votes_win_whatever_the_probabilities() -> None:
    verdict = tally_of([0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0]).verdict()
    assert (verdict.label_index, verdict.votes) == (0, 2)
    assert verdict.confidence == pytest.approx(0.8 / 3)


def test_a_tie_goes_to_the_higher_mean_probability() -> None:
    verdict = tally_of([0.6, 0.4, 0.0], [0.1, 0.9, 0.0]).verdict()
    assert (verdict.label_index, verdict.votes) == (1, 1)
    assert verdict.confidence == pytest.approx(0.65)


def test_a_tie_in_both_goes_to_the_lower_index() -> None:
    assert tally_of([0.0, 0.75, 0.25], [0.0, 0.25, 0.75]).verdict().label_index == 1


def test_a_label_without_votes_never_wins_by_its_mean() -> None:
    verdict = tally_of([0.51, 0.0, 0.49], [0.0, 0.51, 0.49]).verdict()
    assert (verdict.label_index, verdict.votes) == (0, 1)


def test_one_clip() -> None:
    verdict = tally_of([0.1, 0.9]).verdict()
    assert (verdict.label_index, verdict.votes) == (1, 1)
    assert verdict.confidence == pytest.approx(0.9)


def test_a_ranking_goes_on_behind_the_verdict() -> None:
    tally = tally_of([0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.1, 0.2], [0.0, 0.1, 0.9, 0.0])
    assert tally.ranking("vote", 4) == [0, 2, 1, 3]
    assert tally.ranking("mean", 3) == [2, 0, 1]


def test_a_ranking_of_equals_is_in_the_order_of_their_index() -> None:
    assert [tally_of([0.25] * 4).ranking(way, 4) for way in ("vote", "mean")] == [[0, 1, 2, 3]] * 2


def test_no_clip_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="no clip"):
        Tally.over(3).verdict()


def test_top_indices_are_sorted_and_stable() -> None:
    assert top_indices(np.array([0.2, 0.5, 0.2, 0.1], np.float32), 3) == [1, 0, 2]
    assert top_indices(np.array([0.2, 0.8], np.float32), 2) == [1, 0]
