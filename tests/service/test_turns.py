from service.turns import Turns


def test_the_background_has_one_turn_in_five_while_others_wait() -> None:
    turns = Turns()
    taken = [turns.background_is_next(True, True) for _ in range(15)]
    assert taken == [False, False, False, False, True] * 3


def test_whoever_waits_alone_is_next() -> None:
    turns = Turns()
    assert [turns.background_is_next(True, False) for _ in range(3)] == [True] * 3
    assert [turns.background_is_next(False, True) for _ in range(9)] == [False] * 9


def test_turns_without_anything_in_the_background_do_not_count() -> None:
    turns = Turns()
    for _ in range(9):
        turns.background_is_next(False, True)
    assert not turns.background_is_next(True, True)
