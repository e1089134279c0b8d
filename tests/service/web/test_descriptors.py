"""How many connections are accepted, in a process whose limits may be changed."""

import resource

import pytest

from service.settings import Settings
from service.web.descriptors import connections_that_fit

from ...support.processes import run_alone


def limited(soft: str, hard: str, connections: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(soft), int(hard)))
    fitting = connections_that_fit(Settings(max_connections=int(connections), queue_clips=40))
    print(fitting, *resource.getrlimit(resource.RLIMIT_NOFILE))


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected"),
    [
        (3000, 4000, 1000, "1000 3000 4000"),  # there is room
        (256, 4000, 1000, "1000 1240 4000"),  # there is, once the soft limit is raised to 1000 + 4 x 10 + 200
        (256, 1024, 1000, "784 1024 1024"),
        (64, 64, 1000, "1 64 64"),
    ],
)
def test_what_fits_below_the_hard_limit(soft: int, hard: int, connections: int, expected: str) -> None:
    done = run_alone(limited, soft, hard, connections)
    assert done.stdout.strip() == expected, done.stderr
    assert ("connections are accepted" in done.stderr) == (not expected.startswith("1000 "))
