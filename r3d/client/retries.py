"""When a request that failed for a reason that passes is made again: the policy, for tenacity to carry out."""

import time
from collections.abc import Callable
from typing import Any, Protocol, cast

from tenacity import RetryCallState, retry_if_exception
from tenacity.wait import wait_random_exponential

# What is full, restarted or away, or the proxy before it, says these: the request itself is not refused.
PASSING = (429, 502, 503, 504)
TOO_MANY = 429
# Seconds between tries whose time nobody names: up to 1, 2, 4 and so on, at most 15; never the same for all clients.
BACKOFF = wait_random_exponential(multiplier=1, max=15, min=0.5)
# No service is waited for longer at a time, whatever it asks for: it may have been replaced since.
LONGEST_WAIT = 60.0


class Trouble(Protocol):
    """What went wrong: HTTP's `status`, and the seconds that were asked for, if any."""

    status: int
    retry_after: float | None


class GivingUp:
    """Says when to stop: where the next try would come `patience` seconds or more after the first failure."""

    def __init__(self, patience: float, clock: Callable[[], float]) -> None:
        self._patience, self._clock = patience, clock
        self._since: float | None = None

    def __call__(self, state: RetryCallState) -> bool:
        """See tenacity's `stop`."""
        now = self._clock()
        if self._since is None:
            self._since = now
        return now + state.upcoming_sleep - self._since >= self._patience


def pause(state: RetryCallState) -> float:
    """Seconds until the next try; see tenacity's `wait`.

    A full service knows best when it has room. One that is away comes back when it does: after what it asked for, or
    later, and not for all clients at once.
    """
    trouble = cast(Trouble, state.outcome and state.outcome.exception())
    asked = trouble.retry_after or 0.0
    if asked and trouble.status == TOO_MANY:
        return min(LONGEST_WAIT, asked)
    return min(LONGEST_WAIT, max(asked, BACKOFF(state)))


def policy(
    patience: float, passes: Callable[[BaseException], bool], clock: Callable[[], float] = time.monotonic
) -> dict[str, Any]:
    """Arguments for tenacity's `Retrying` or `AsyncRetrying`, for one request.

    A `Trouble` of which `passes` is true is waited out for `patience` seconds, and then raised as it is.
    """
    again = retry_if_exception(passes)
    return {"stop": GivingUp(patience, clock), "wait": pause, "retry": again, "reraise": True}
