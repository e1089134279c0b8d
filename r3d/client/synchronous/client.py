"""The client for ordinary code."""

from collections.abc import Iterator
from typing import Unpack

from ..answers import Classification, Event, Health, Labels
from ..request import HEALTH, LABELS, LIVE, OnUpload, Parameters, VideoFile, query_of
from ..response import EventReader, answer_of, event_of
from .jobs import Jobs


class Client(Jobs):
    """A service at `url`. Close it, or use it in a `with` block; safe from any thread."""

    def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """
        return answer_of(Classification, self._post(video, query_of(parameters), on_upload, {}))

    def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Iterator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips.

        Nothing is asked again once the first clip is there.
        """
        response = self._post(video, query_of(parameters), on_upload, {"Accept": LIVE}, live=True)
        reader: EventReader[Event] = EventReader(response, event_of)
        yield from self._events(response, reader)

    def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""
        return self._get(Labels, LABELS).labels

    def health(self) -> Health:
        """What answers, once it accepts requests: before, a `ProblemError` that passes. Raises as `classify` does."""
        return self._get(Health, HEALTH)
