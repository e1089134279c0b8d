"""An answer in other formats than JSON: for tables, and for video players."""

import csv
import io
from collections.abc import Callable, Mapping

from .schemas import ClassifyAnswer, SegmentAnswer

CSV_COLUMNS = (
    "index",
    "start_frame",
    "end_frame",
    "start_seconds",
    "end_seconds",
    "label",
    "label_index",
    "probability",
)


def csv_of(answer: ClassifyAnswer) -> str:
    """A header and a line for each clip (RFC 4180)."""
    text = io.StringIO()
    lines = csv.DictWriter(text, CSV_COLUMNS, extrasaction="ignore")
    lines.writeheader()
    lines.writerows(clip.model_dump() for clip in answer.clips)
    return text.getvalue()


def vtt_of(answer: ClassifyAnswer) -> str:
    """WebVTT, a cue for each segment."""
    cues = [f"{_times(each, '.')}\n{_cue_text(each)}\n" for each in answer.segments]
    return "\n".join(["WEBVTT\n", *cues])


def srt_of(answer: ClassifyAnswer) -> str:
    """SubRip, a subtitle for each segment."""
    return "\n".join(
        f"{number}\n{_times(each, ',')}\n{each.label} ({each.confidence:.0%})\n"
        for number, each in enumerate(answer.segments, start=1)
    )


def _cue_text(segment: SegmentAnswer) -> str:
    label = segment.label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{label} ({segment.confidence:.0%})"


def _times(segment: SegmentAnswer, separator: str) -> str:
    return f"{_time(segment.start_seconds, separator)} --> {_time(segment.end_seconds, separator)}"


def _time(seconds: float, separator: str) -> str:
    """Such as 01:02:03.450."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{separator}{rest % 1000:03}"


# Media type and maker of each format, by the name that `format` has.
TEXTS: Mapping[str, tuple[str, Callable[[ClassifyAnswer], str]]] = {
    "csv": ("text/csv", csv_of),
    "vtt": ("text/vtt", vtt_of),
    "srt": ("application/x-subrip", srt_of),
}
