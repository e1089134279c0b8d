"""How CPUs and clients are shared out among processes."""

import pytest

from benchmarks.harness.load import Load
from benchmarks.one_machine import added, rows, shares, spread


@pytest.mark.parametrize(
    ("cpus", "count", "expected"),
    [
        ([0, 1, 2, 3], 1, [{0, 1, 2, 3}]),
        ([0, 1, 2, 3], 2, [{0, 1}, {2, 3}]),
        ([4, 5, 9], 2, [{4}, {5, 9}]),
        ([0, 1, 2], 3, [{0}, {1}, {2}]),
    ],
)
def test_each_process_has_neighbours_of_its_own(cpus: list[int], count: int, expected: list[set[int]]) -> None:
    assert shares(cpus, count) == expected


@pytest.mark.parametrize("count", [0, 3])
def test_a_process_has_a_cpu_at_least(count: int) -> None:
    with pytest.raises(ValueError, match="cannot be shared"):
        shares([0, 1], count)


def test_clients_are_spread_evenly() -> None:
    assert spread(8, 4) == [2, 2, 2, 2]
    assert sum(spread(7, 3)) == 7
    assert max(spread(7, 3)) - min(spread(7, 3)) == 1


def test_rates_are_of_all_processes_and_of_each_round() -> None:
    first = added([Load([1.0], 10, 5.0), Load([3.0], 20, 5.0)], 5.0, 200_000_000)
    second = added([Load([1.0], 10, 5.0), Load([3.0], 20, 5.0)], 10.0, 100_000_000)
    [row] = rows([2], [[first, second]])
    assert row == {
        "processes": 2,
        "clips_per_second": 4.0,
        "p50_ms": 2000,
        "p95_ms": 3000,
        "memory_mb": 200,
        "rounds": "6.0 3.0",
    }
