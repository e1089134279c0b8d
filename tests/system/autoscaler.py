"""Kubernetes' autoscaler over pods of which each does what one was recorded to do: what would it make of a load?"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

# Kubernetes' own: how often it looks, and what difference it lets be.
PERIOD_SECONDS = 15
TOLERANCE = 0.1
# From a new pod to its first request.
START_SECONDS = 30


@dataclass(frozen=True)
class Rules:
    """What the manifests say. Times in seconds; at most `growth` times as many pods after `growth_seconds`."""

    target: float
    least: int
    most: int
    window: int
    down_stabilization: int
    growth: float
    growth_seconds: int


class Recording:
    """Samples of a metric from one pod, by the number of its clients."""

    def __init__(self, samples: Mapping[int, Sequence[float]]) -> None:
        self._samples = {0: [0.0], **samples}

    def at(self, clients: float, moment: int) -> float:
        """A sample at that many clients, between two recorded numbers by their distance."""
        below = max(count for count in self._samples if count <= clients)
        above = min((count for count in self._samples if count >= clients), default=below)
        part = (clients - below) / (above - below) if above > below else 0.0
        low, high = (self._samples[count][moment % len(self._samples[count])] for count in (below, above))
        return low + (high - low) * part


@dataclass
class Pod:
    """One replica: it serves from a second on, and has said something each second since."""

    ready: int
    said: list[float] = field(default_factory=list)


def simulate(rules: Rules, recording: Recording, clients: Callable[[int], float], seconds: int) -> list[int]:
    """How many pods there are, second by second. Clients, `clients` of a second, are spread evenly over the ready."""
    pods, wishes, counts = [Pod(0) for _ in range(rules.least)], list[int](), list[int]()
    for second in range(seconds):
        ready = [pod for pod in pods if pod.ready <= second]
        for number, pod in enumerate(ready):
            pod.said.append(recording.at(clients(second) / len(ready), second + number))
        if second % PERIOD_SECONDS == 0:
            wishes.append(_wish(rules, ready, len(pods)))
            pods = _scaled(rules, pods, wishes, counts, second)
        counts.append(len(pods))
    return counts


def _wish(rules: Rules, ready: Sequence[Pod], count: int) -> int:
    """Pods that are not ready count as if they did nothing, where more are wanted."""
    means = [statistics.mean(pod.said[-rules.window :]) for pod in ready]
    ratio = statistics.mean(means) / rules.target
    if ratio > 1:
        ratio = sum(means) / count / rules.target
    return count if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * count)


def _scaled(rules: Rules, pods: list[Pod], wishes: Sequence[int], counts: Sequence[int], second: int) -> list[Pod]:
    if wishes[-1] > len(pods):
        before = counts[max(0, second - rules.growth_seconds)] if counts else len(pods)
        wanted = min(wishes[-1], rules.most, max(len(pods), math.ceil(before * rules.growth)))
        return pods + [Pod(second + START_SECONDS) for _ in range(wanted - len(pods))]
    wanted = max(wishes[-rules.down_stabilization // PERIOD_SECONDS :])
    return pods[: max(rules.least, min(len(pods), wanted))]
