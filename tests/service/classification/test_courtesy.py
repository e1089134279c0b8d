"""How the background steps back."""

import asyncio

from service.classification.courtesy import LINGER, Courtesy
from tests.support.virtual_time import run_at_once


def courtesy() -> Courtesy:
    return Courtesy(asyncio.get_running_loop().time)


async def turns(background: Courtesy, count: int, seconds: float) -> float:
    """The seconds that so many clips take, each of which has the network for `seconds`."""
    clock = asyncio.get_running_loop().time
    started = clock()
    background.spent(seconds)
    for _ in range(count):
        await background.turn()
        await asyncio.sleep(seconds)
        background.spent(seconds)
    return clock() - started


def test_where_nobody_waits_the_background_does_not() -> None:
    async def run() -> float:
        return await turns(courtesy(), 10, 1.0)

    assert 9.9 < run_at_once(run()) < 10.5


def test_beside_those_who_wait_it_has_a_fifth_of_the_time() -> None:
    async def run() -> float:
        background = courtesy()
        with background.waited_for():
            return await turns(background, 10, 1.0)

    assert 45.9 < run_at_once(run()) < 46.5  # from one to the next five seconds


def test_several_jobs_have_a_fifth_together() -> None:
    async def run() -> float:
        background = courtesy()
        clock = asyncio.get_running_loop().time
        started = clock()
        with background.waited_for():
            await asyncio.gather(*(turns(background, 10, 1.0) for _ in range(2)))
        return clock() - started

    assert run_at_once(run()) > 95


def test_it_goes_on_a_moment_after_the_last_has_its_answer() -> None:
    async def run() -> float:
        background = courtesy()
        background.spent(1000.0)
        await background.turn()
        with background.waited_for():
            with background.waited_for():
                turn = asyncio.create_task(background.turn())
                await asyncio.sleep(1.0)
            await asyncio.sleep(LINGER * 2)
            assert not turn.done()
        await asyncio.sleep(LINGER / 2)
        with background.waited_for():
            await asyncio.sleep(LINGER)
            assert not turn.done()
        started = asyncio.get_running_loop().time()
        await turn
        return asyncio.get_running_loop().time() - started

    assert LINGER / 2 < run_at_once(run()) < LINGER * 1.5
