import pytest

from service.inference.lanes import Lanes


def test_the_background_waits_for_others_and_does_not_starve() -> None:
    lanes: Lanes[str] = Lanes()
    for number in range(10):
        lanes.add("job", f"job {number}", background=True)
        lanes.add("request", f"clip {number}")
    given = [lanes.pop() for _ in range(len(lanes))]
    assert given[:5] == ["clip 0", "clip 1", "clip 2", "clip 3", "job 0"]
    assert given[5:12] == ["clip 4", "clip 5", "clip 6", "clip 7", "job 1", "clip 8", "clip 9"]
    assert given[12:] == [f"job {number}" for number in range(2, 10)]


def test_a_newcomer_of_the_background_stays_behind_the_others() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.add("a", "first of a job", ahead=True, background=True)
    lanes.add("b", "later clip")
    assert lanes.pop() == "later clip"


def test_everything_is_there_until_it_is_cleared() -> None:
    lanes: Lanes[int] = Lanes()
    lanes.add("a", 1)
    lanes.add("b", 2, background=True)
    assert (list(lanes.heads()), len(lanes)) == ([1, 2], 2)
    assert lanes.clear() == [1, 2]
    with pytest.raises(IndexError):
        lanes.pop()
