import asyncio

from service.decoding.lease import Lease
from service.decoding.slots import Slots

from ...support.virtual_time import run_at_once


def test_a_place_is_lost_when_nothing_renews_it() -> None:
    async def body() -> None:
        slots = Slots(1)
        async with Lease(slots, 20, newcomer=False):
            await asyncio.sleep(19)
            assert slots.locked
            await asyncio.sleep(2)
            assert not slots.locked
        assert not slots.locked
        await slots.acquire(newcomer=False)
        assert slots.locked  # it was given back once, not twice

    run_at_once(body())


def test_renewed_it_is_kept_and_given_back_at_the_end() -> None:
    async def body() -> None:
        slots = Slots(1)
        async with Lease(slots, 20, newcomer=False) as lease:
            for _ in range(10):
                await asyncio.sleep(15)
                lease.renew()
            assert slots.locked
        assert not slots.locked
        await asyncio.sleep(100)
        await slots.acquire(newcomer=False)
        assert slots.locked

    run_at_once(body())


def test_one_that_is_lost_cannot_be_renewed() -> None:
    async def body() -> None:
        slots = Slots(1)
        async with Lease(slots, 20, newcomer=False) as lease:
            await asyncio.sleep(21)
            lease.renew()
            assert not slots.locked

    run_at_once(body())
