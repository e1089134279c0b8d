"""How long is waited before a request is made again, and when no more."""

import random

import pytest
from tenacity import Retrying

from r3d.client.answers import Problem
from r3d.client.errors import ClientError, UnreachableError, error_of, is_passing
from r3d.client.retries import policy


def refused(status: int, retry_after: float | None = None) -> ClientError:
    return error_of(Problem(type="urn:x", title="Title", status=status, detail="", request_id=""), retry_after)


class Away:
    """Raises one thing after the other, the last again and again; `waits` are the seconds between the calls.

    Its clock goes only while it is waited.
    """

    def __init__(self, *errors: ClientError, patience: float = 900) -> None:
        self.errors = list(errors)
        self.waits: list[float] = []
        self._now = 100.0
        self._retrying = Retrying(**policy(patience, is_passing, lambda: self._now), sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._now += seconds

    def _ask(self) -> str:
        if self.errors:
            raise self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]
        return "answered"

    def failure(self) -> BaseException:
        """What is raised in the end."""
        with pytest.raises(ClientError) as caught:
            self._retrying(self._ask)
        return caught.value


FINAL = refused(422)


def waits_after(*errors: ClientError) -> list[float]:
    away = Away(*errors, FINAL)
    assert away.failure() is FINAL
    return away.waits


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No luck: every random wait is as long as it may be."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


@pytest.mark.usefixtures("longest")
def test_who_names_no_time_is_asked_less_and_less_often() -> None:
    assert waits_after(*[UnreachableError()] * 7) == [1, 2, 4, 8, 15, 15, 15]


def test_not_all_clients_come_back_at_once() -> None:
    waits = [waits_after(*[UnreachableError()] * 6)[5] for _ in range(20)]
    assert len(set(waits)) == 20
    assert all(0.5 <= each <= 15 for each in waits)


@pytest.mark.usefixtures("longest")
def test_a_time_that_is_named_is_the_least() -> None:
    assert waits_after(refused(503, 5), refused(503, 5), refused(503, 5), refused(503, 5)) == [5, 5, 5, 8]
    assert waits_after(refused(503, 600)) == [60]


def test_a_full_queue_knows_best() -> None:
    assert waits_after(*[refused(429, 2)] * 5) == [2] * 5


@pytest.mark.parametrize("error", [UnreachableError(), *(refused(status) for status in (429, 502, 503, 504))])
def test_what_passes(error: ClientError) -> None:
    assert len(waits_after(error)) == 1


@pytest.mark.parametrize("status", [400, 401, 408, 413, 415, 422, 500, 507])
def test_what_does_not(status: int) -> None:
    error = refused(status)
    away = Away(error)
    assert (away.failure(), away.waits) == (error, [])


@pytest.mark.usefixtures("longest")
def test_patience_ends_before_a_wait_that_would_be_too_long() -> None:
    gone = UnreachableError()
    away = Away(gone, patience=10)
    assert away.failure() is gone
    assert away.waits == [1, 2, 4], "8 more would be 15"


def test_without_patience_a_request_is_made_once() -> None:
    away = Away(refused(503, 1), patience=0)
    away.failure()
    assert away.waits == []
