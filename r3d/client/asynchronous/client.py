"""The client for asyncio."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Unpack

from ..answers import Classification, Event, Health, Labels
from ..request import HEALTH, LABELS, LIVE, OnUpload, Parameters, VideoFile, query_of
from ..response import EventReader, answer_of, event_of
from .jobs import AsyncJobs


class AsyncClient(AsyncJobs):
    """A service at `url`. Close it, or use it in an `async with` block; several requests may go on at once."""

    async def classify(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> Classification:
        """Classify a file, by its path or its content; files are read in threads, where `on_upload` is called.

        Raises UnreachableError, ProblemError, UnexpectedAnswerError; OSError for a file that cannot be read.
        """
        return answer_of(Classification, await self._post(video, query_of(parameters), on_upload, {}))

    async def events(
        self, video: VideoFile, *, on_upload: OnUpload | None = None, **parameters: Unpack[Parameters]
    ) -> AsyncGenerator[Event]:
        """Each clip as soon as it is known, then the result. Raises as `classify` does, also between clips.

        Nothing is asked again once the first clip is there.
        """
        response = await self._post(video, query_of(parameters), on_upload, {"Accept": LIVE}, live=True)
        reader: EventReader[Event] = EventReader(response, event_of)
        async with aclosing(self._events(response, reader)) as events:
            async for event in events:
                yield event

    async def labels(self) -> list[str]:
        """The model's labels, by index. Raises as `classify` does."""
        return (await self._get(Labels, LABELS)).labels

    async def health(self) -> Health:
        """What answers, once it accepts requests: before, a `ProblemError` that passes. Raises as `classify` does."""
        return await self._get(Health, HEALTH)
