"""The `Accept` header (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

RANGE = re.compile(r"\s*([\w!#$&^.+-]+|\*)/([\w!#$&^.+-]+|\*)\s*(?:;|$)", re.ASCII)
WEIGHT = re.compile(r";\s*q=([^;]*)", re.IGNORECASE)
NAMED = 3
WEIGHT_VALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True)
class _Range:
    kind: str
    subtype: str
    weight: float

    def closeness(self, media_type: str) -> int:
        """`NAMED` for the type itself, 2 for `type/*`, 1 for `*/*`, 0 for another type."""
        kind, subtype = media_type.split("/")
        if (self.kind, self.subtype) == (kind, subtype):
            return NAMED
        if self.subtype != "*":
            return 0
        return {kind: 2, "*": 1}.get(self.kind, 0)


def preferred(headers: Sequence[str], offered: Sequence[str]) -> str | None:
    """Of the media types `offered`, the one that the `Accept` headers of a request weigh highest; None if none.

    Among equals it is the one that is meant most closely; then, of several that are named, the last, as whoever names
    more than the first wants it; else the first. Parameters other than `q` are read past, and so is what is no media
    range. Without any range all is accepted.
    """
    ranges = [found for header in headers for element in header.split(",") if (found := _range(element))]
    if not ranges:
        return offered[0]
    best, rank = max(
        ((media_type, _rank(ranges, media_type, place)) for place, media_type in enumerate(offered)),
        key=lambda pair: pair[1],
    )
    return best if rank[0] > 0 else None


def _range(element: str) -> _Range | None:
    found = RANGE.match(element)
    weight = WEIGHT.search(element)
    value = weight[1].strip() if weight else "1"
    if not found or (found[1] == "*" and found[2] != "*") or not WEIGHT_VALUE.fullmatch(value):
        return None
    return _Range(found[1].lower(), found[2].lower(), float(value))


def _rank(ranges: Sequence[_Range], media_type: str, place: int) -> tuple[float, int, int]:
    """Weight of the range that means the type most closely, how closely it does, and what decides among equals."""
    closest = max(ranges, key=lambda each: each.closeness(media_type))
    closeness = closest.closeness(media_type)
    return (closest.weight if closeness else 0.0, closeness, place if closeness == NAMED else -place)
