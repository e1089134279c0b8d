import asyncio

from service.decoding.lease import Lease

from ...support.virtual_time import run_at_once


def test_a_place_is_lost_when_nothing_renews_it() -> None:
    async def body() -> None:
        places = asyncio.Semaphore(1)
        async with Lease(places, 20):
            await asyncio.sleep(19)
            assert places.locked()
            await asyncio.sleep(2)
            assert not places.locked()
        assert not places.locked()
        await places.acquire()
        assert places.locked()  # it was given back once, not twice

    run_at_once(body())


def test_renewed_it_is_kept_and_given_back_at_the_end() -> None:
    async def body() -> None:
        places = asyncio.Semaphore(1)
        async with Lease(places, 20) as lease:
            for _ in range(10):
                await asyncio.sleep(15)
                lease.renew()
            assert places.locked()
        assert not places.locked()
        await asyncio.sleep(100)
        await places.acquire()
        assert places.locked()

    run_at_once(body())


def test_one_that_is_lost_cannot_be_renewed() -> None:
    async def body() -> None:
        places = asyncio.Semaphore(1)
        async with Lease(places, 20) as lease:
            await asyncio.sleep(21)
            lease.renew()
            assert not places.locked()

    run_at_once(body())
