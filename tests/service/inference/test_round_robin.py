import pytest

from service.inference.round_robin import RoundRobin


def filled(*pairs: tuple[str, int]) -> RoundRobin[int]:
    queue = RoundRobin[int]()
    for owner, item in pairs:
        queue.add(owner, item)
    return queue


def test_one_of_each_owner_in_turn() -> None:
    queue = filled(("a", 1), ("a", 2), ("a", 3), ("b", 10), ("c", 100), ("b", 20))
    assert len(queue) == 6
    assert sorted(queue.heads()) == [1, 10, 100]
    assert [queue.pop() for _ in range(6)] == [1, 10, 100, 2, 20, 3]
    assert len(queue) == 0


def test_an_owner_that_comes_back_comes_last() -> None:
    queue = filled(("a", 1), ("b", 10), ("b", 20))
    assert queue.pop() == 1
    queue.add("a", 2)
    assert [queue.pop() for _ in range(3)] == [10, 2, 20]


def test_newcomers_pass_but_take_turns_with_the_rest() -> None:
    queue = filled(("a", 1), ("a", 2), ("b", 10))
    for newcomer in (100, 200, 300):
        queue.add(newcomer, newcomer, ahead=True)
    assert sorted(queue.heads()) == [1, 10, 100, 200, 300]
    assert [queue.pop() for _ in range(6)] == [100, 1, 200, 10, 300, 2]
    queue.add("c", 7, ahead=True)
    assert queue.clear() == [7]


def test_clear_gives_everything_once() -> None:
    queue = filled(("a", 1), ("b", 10))
    assert queue.clear() == [1, 10]
    assert (len(queue), queue.clear()) == (0, [])
    with pytest.raises(IndexError):
        queue.pop()
