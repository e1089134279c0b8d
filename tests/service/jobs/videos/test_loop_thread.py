"""A loop beside the test's."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from service.jobs.videos.loop_thread import LoopThread

# One round found work that never ended in about one of a hundred.
ROUNDS = 400


def beside(work: Callable[[LoopThread], Awaitable[None]]) -> None:
    async def run() -> None:
        thread = LoopThread("beside")
        try:
            await work(thread)
        finally:
            await asyncio.to_thread(thread.close)

    asyncio.run(run())
    assert "beside" not in [thread.name for thread in threading.enumerate()]


def test_work_is_done_in_its_thread_and_gives_what_it_returns() -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def work(thread: LoopThread) -> None:
        assert await thread.run(name()) == "beside"

    beside(work)


def test_what_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("found nothing")

    async def work(thread: LoopThread) -> None:
        with pytest.raises(KeyError, match="found nothing"):
            await thread.run(fail())

    beside(work)


def test_work_that_the_end_of_the_thread_cuts_off_is_told_so() -> None:
    begun = threading.Event()

    async def long() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def run() -> None:
        thread = LoopThread("beside")
        waiting = asyncio.create_task(thread.run(long()))
        await asyncio.to_thread(begun.wait, 10)
        await asyncio.to_thread(thread.close)
        with pytest.raises(ConnectionAbortedError):
            await waiting

    asyncio.run(run())


def test_work_is_over_when_its_cancelling_returns() -> None:
    begun, steps = threading.Event(), []

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("over")

    async def work(thread: LoopThread) -> None:
        waiting = asyncio.create_task(thread.run(long()))
        await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        steps.append("told")

    beside(work)
    assert steps == ["over", "told"]


def test_a_closed_thread_begins_nothing() -> None:
    async def nothing() -> None:
        pass

    async def run() -> None:
        thread = LoopThread("beside")
        await asyncio.to_thread(thread.close)
        with pytest.raises(ConnectionAbortedError):
            await thread.run(nothing())

    asyncio.run(run())


def test_work_that_comes_as_the_thread_ends_is_done_or_told_so() -> None:
    async def short() -> str:
        await asyncio.sleep(0)
        return "done"

    async def run(pauses: int) -> None:
        thread = LoopThread("beside")
        closing = asyncio.create_task(asyncio.to_thread(thread.close))
        for _ in range(pauses):
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(10):
                assert await thread.run(short()) == "done"
        except ConnectionAbortedError:
            pass
        await closing

    for number in range(ROUNDS):
        asyncio.run(run(number % 5))
