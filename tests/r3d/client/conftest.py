"""Both clients behind one face, so that every test is of each."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from r3d.client import AsyncClient, Classification, Client, Event

OnEvent = Callable[[Event], None]


class Asking(Protocol):
    """One request by a client of its own."""

    def classify(self, url: str, key: str | None, video: Any, **options: Any) -> Classification:
        """`patience` is the client's, other options are of the request."""

    def events(self, url: str, key: str | None, video: Any, on_event: OnEvent, **options: Any) -> None:
        """The same; `on_event` is called with each event."""

    def labels(self, url: str, key: str | None) -> list[str]:
        """The labels."""


class Synchronous:
    def classify(self, url: str, key: str | None, video: Any, patience: float = 0, **options: Any) -> Classification:
        with Client(url, api_key=key, patience=patience) as client:
            return client.classify(video, **options)

    def events(
        self, url: str, key: str | None, video: Any, on_event: OnEvent, patience: float = 0, **options: Any
    ) -> None:
        with Client(url, api_key=key, patience=patience) as client:
            for event in client.events(video, **options):
                on_event(event)

    def labels(self, url: str, key: str | None) -> list[str]:
        with Client(url, api_key=key) as client:
            return client.labels()


class Asynchronous:
    def classify(self, url: str, key: str | None, video: Any, patience: float = 0, **options: Any) -> Classification:
        async def ask() -> Classification:
            async with AsyncClient(url, api_key=key, patience=patience) as client:
                return await client.classify(video, **options)

        return asyncio.run(ask())

    def events(
        self, url: str, key: str | None, video: Any, on_event: OnEvent, patience: float = 0, **options: Any
    ) -> None:
        async def ask() -> None:
            async with AsyncClient(url, api_key=key, patience=patience) as client:
                async for event in client.events(video, **options):
                    on_event(event)

        asyncio.run(ask())

    def labels(self, url: str, key: str | None) -> list[str]:
        async def ask() -> list[str]:
            async with AsyncClient(url, api_key=key) as client:
                return await client.labels()

        return asyncio.run(ask())


@pytest.fixture(params=[Synchronous, Asynchronous])
def asking(request: pytest.FixtureRequest) -> Asking:
    made: Asking = request.param()
    return made
