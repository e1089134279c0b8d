"""Both clients behind one face, so that every test is of each."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from r3d.client import AsyncClient, Classification, Client, Event, FollowEvent, Health, Job

OnEvent = Callable[[Event], None]
OnFollowEvent = Callable[[FollowEvent], None]


class Asking(Protocol):
    """One request by a client of its own."""

    def classify(self, url: str, key: str | None, video: Any, **options: Any) -> Classification:
        """`patience` is the client's, other options are of the request."""

    def events(self, url: str, key: str | None, video: Any, on_event: OnEvent, **options: Any) -> None:
        """The same; `on_event` is called with each event."""

    def labels(self, url: str, key: str | None) -> list[str]:
        """The labels."""

    def health(self, url: str) -> Health:
        """What answers."""

    def submit(self, url: str, api_key: str | None, video: Any, **options: Any) -> Job: ...

    def wait(self, url: str, key: str | None, job: str, seconds: float | None = None) -> Classification: ...

    def follow(self, url: str, key: str | None, job: str, on_event: OnFollowEvent) -> None: ...

    def job(self, url: str, key: str | None, job: str, wait: float = 0.0) -> Job: ...

    def forget(self, url: str, key: str | None, job: str) -> Job: ...


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

    def health(self, url: str) -> Health:
        with Client(url) as client:
            return client.health()

    def submit(self, url: str, api_key: str | None, video: Any, **options: Any) -> Job:
        with Client(url, api_key=api_key) as client:
            return client.submit(video, **options)

    def wait(self, url: str, key: str | None, job: str, seconds: float | None = None) -> Classification:
        with Client(url, api_key=key) as client:
            return client.wait(job, seconds)

    def follow(self, url: str, key: str | None, job: str, on_event: OnFollowEvent) -> None:
        with Client(url, api_key=key) as client:
            for event in client.follow(job):
                on_event(event)

    def job(self, url: str, key: str | None, job: str, wait: float = 0.0) -> Job:
        with Client(url, api_key=key) as client:
            return client.job(job, wait)

    def forget(self, url: str, key: str | None, job: str) -> Job:
        with Client(url, api_key=key) as client:
            return client.forget(job)


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

    def health(self, url: str) -> Health:
        async def ask() -> Health:
            async with AsyncClient(url) as client:
                return await client.health()

        return asyncio.run(ask())

    def submit(self, url: str, api_key: str | None, video: Any, **options: Any) -> Job:
        async def ask() -> Job:
            async with AsyncClient(url, api_key=api_key) as client:
                return await client.submit(video, **options)

        return asyncio.run(ask())

    def wait(self, url: str, key: str | None, job: str, seconds: float | None = None) -> Classification:
        async def ask() -> Classification:
            async with AsyncClient(url, api_key=key) as client:
                return await client.wait(job, seconds)

        return asyncio.run(ask())

    def follow(self, url: str, key: str | None, job: str, on_event: OnFollowEvent) -> None:
        async def ask() -> None:
            async with AsyncClient(url, api_key=key) as client:
                async for event in client.follow(job):
                    on_event(event)

        asyncio.run(ask())

    def job(self, url: str, key: str | None, job: str, wait: float = 0.0) -> Job:
        async def ask() -> Job:
            async with AsyncClient(url, api_key=key) as client:
                return await client.job(job, wait)

        return asyncio.run(ask())

    def forget(self, url: str, key: str | None, job: str) -> Job:
        async def ask() -> Job:
            async with AsyncClient(url, api_key=key) as client:
                return await client.forget(job)

        return asyncio.run(ask())


@pytest.fixture(params=[Synchronous, Asynchronous])
def asking(request: pytest.FixtureRequest) -> Asking:
    made: Asking = request.param()
    return made
