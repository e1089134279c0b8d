"""Who decodes next."""

import asyncio

import pytest

from service.decoding.slots import Slots


async def one(slots: Slots, order: list[str], name: str) -> None:
    await slots.acquire(newcomer=name.startswith("new"))
    order.append(name)


async def queued(slots: Slots, *names: str) -> tuple[list[str], dict[str, "asyncio.Task[None]"]]:
    """Tasks that wait for a slot, in this order, and the list to which each adds its name when it has one."""
    order: list[str] = []
    tasks = {}
    for name in names:
        tasks[name] = asyncio.create_task(one(slots, order, name))
        await asyncio.sleep(0)
    return order, tasks


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        (["old1", "old2", "new1"], ["new1", "old1", "old2"]),
        (["new1", "new2", "new3", "old1"], ["new1", "old1", "new2", "new3"]),
        (["old1", "new1", "old2", "new2"], ["new1", "old1", "new2", "old2"]),
    ],
    ids=["a newcomer goes ahead", "never two of them while others wait", "in turn"],
)
def test_the_order(waiting: list[str], expected: list[str]) -> None:
    async def body() -> None:
        slots = Slots(1)
        await slots.acquire(newcomer=False)
        await slots.acquire(newcomer=True)  # it takes the one more
        order, _ = await queued(slots, *waiting)
        for _ in (*waiting, "the one more goes"):
            assert slots.locked
            slots.release()
            await asyncio.sleep(0)
        assert order == expected
        slots.release()
        assert not slots.locked

    asyncio.run(body())


def test_as_many_as_there_are_slots_hold_one_at_a_time() -> None:
    async def body() -> None:
        slots = Slots(2)
        order, _ = await queued(slots, "a", "b", "c")
        assert order == ["a", "b"]
        slots.release()
        await asyncio.sleep(0)
        assert order == ["a", "b", "c"]

    asyncio.run(body())


def test_one_newcomer_gets_one_more_slot_and_only_one() -> None:
    async def body() -> None:
        slots = Slots(1)
        order, _ = await queued(slots, "old1", "new1", "new2", "old2")
        assert order == ["old1", "new1"]
        slots.release()
        await asyncio.sleep(0)
        assert order == ["old1", "new1", "new2"]
        slots.release()  # no newcomer waits: it goes
        await asyncio.sleep(0)
        assert order == ["old1", "new1", "new2"]
        slots.release()
        await asyncio.sleep(0)
        assert order == ["old1", "new1", "new2", "old2"]

    asyncio.run(body())


def test_nothing_in_the_background_gets_one_more() -> None:
    async def body() -> None:
        slots = Slots(1)
        await slots.acquire(newcomer=False)
        waiting = asyncio.create_task(slots.acquire(newcomer=True, background=True))
        await asyncio.sleep(0)
        assert not waiting.done()
        slots.release()
        await waiting

    asyncio.run(body())


def test_a_slot_goes_past_one_that_waits_no_more() -> None:
    async def body() -> None:
        slots = Slots(1)
        await slots.acquire(newcomer=False)
        await slots.acquire(newcomer=True)
        order, tasks = await queued(slots, "new1", "old1")
        tasks["new1"].cancel()
        await asyncio.sleep(0)
        slots.release()
        await asyncio.sleep(0)
        assert order == ["old1"]
        slots.release()
        slots.release()
        assert not slots.locked

    asyncio.run(body())


def test_a_slot_that_comes_with_the_cancelling_is_not_lost() -> None:
    async def body() -> None:
        slots = Slots(1)
        await slots.acquire(newcomer=False)
        order, tasks = await queued(slots, "old1", "old2")
        slots.release()
        tasks["old1"].cancel()
        await asyncio.wait(tasks.values(), timeout=5)
        assert order == ["old2"]

    asyncio.run(body())


async def _in_turn(slots: Slots, name: str, background: bool, order: list[str]) -> None:
    await slots.acquire(newcomer=False, background=background)
    order.append(name)
    slots.release()


def test_the_background_lets_others_decode_first_and_has_a_fifth() -> None:
    async def run() -> list[str]:
        slots, order = Slots(1), list[str]()
        await slots.acquire(newcomer=True)
        waiting = [asyncio.create_task(_in_turn(slots, "job", True, order)) for _ in range(2)]
        waiting += [asyncio.create_task(_in_turn(slots, "request", False, order)) for _ in range(6)]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(run()) == ["request"] * 4 + ["job"] + ["request"] * 2 + ["job"]
