"""Which of the formats an answer is written in."""

from collections.abc import Mapping, Sequence

from ..api.formats import TEXTS
from ..errors import NotAcceptableError
from .accept import preferred
from .ndjson import MEDIA_TYPE as NDJSON
from .parameters import Format

# In the order of preference where a client leaves it open.
MEDIA_TYPES: Mapping[str, Format] = {
    "application/json": "json",
    NDJSON: "ndjson",
    TEXTS["csv"][0]: "csv",
    TEXTS["vtt"][0]: "vtt",
    TEXTS["srt"][0]: "srt",
}


def wanted_format(accept: Sequence[str]) -> Format:
    """The one that the `Accept` headers weigh highest. Raises NotAcceptableError when they exclude all."""
    chosen = preferred(accept, tuple(MEDIA_TYPES))
    if chosen is None:
        raise NotAcceptableError(f"answers are {', '.join(MEDIA_TYPES)}")
    return MEDIA_TYPES[chosen]
