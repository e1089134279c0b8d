"""What somebody may have meant who wrote a name that nothing has."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """To be added to a complaint: the known name that is close, behind `prefix`; empty if none is."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
