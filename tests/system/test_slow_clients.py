"""A small crowd of slow clients, and more of them than there are places: `slow_clients` has the large one."""

from pathlib import Path

from .slow_clients import trial


def test_slow_clients_are_thrown_out_and_good_ones_answered(model_directory: Path, video: Path) -> None:
    """20 slow uploads want 9 of 11 places, and 2 good clients need the others."""
    model = ("--model", str(model_directory))
    figures, complaints = trial(60, 2, 4, video.read_bytes(), model, queue_clips=44)
    assert complaints == [], figures
    longest = figures["longest_visit_seconds"]
    assert 9 < longest["half head"] < 15
    assert 29 < longest["drip"] < 45
    assert 29 < longest["idle"] < 35
    assert figures["answers_to_them"].keys() == {"none", "200", "408", "429"}
