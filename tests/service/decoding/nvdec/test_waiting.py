"""Who is next at NVDEC."""

import asyncio

from service.decoding.nvdec.waiting import Waiting


class Queue:
    """Videos that wait, by name, and the order in which they were called."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.called: list[str] = []
        self.passed_on = 0

    def _pass_on(self) -> None:
        self.passed_on += 1

    async def _wait(self, name: str, background: bool) -> None:
        await self.waiting.turn(background, self._pass_on)
        self.called.append(name)

    async def come(self, name: str, background: bool = False) -> asyncio.Task[None]:
        task = asyncio.create_task(self._wait(name, background))
        await asyncio.sleep(0)
        return task

    async def call(self, background_may: bool = True) -> None:
        self.waiting.call_next(background_may)
        for _ in range(2):
            await asyncio.sleep(0)


def test_the_background_has_one_turn_in_five_and_each_goes_in_the_order_of_its_coming() -> None:
    async def run() -> list[str]:
        queue = Queue()
        for number in range(2):
            await queue.come(f"background {number}", background=True)
        for number in range(6):
            await queue.come(f"video {number}")
        for _ in range(8):
            await queue.call()
        return queue.called

    first = [f"video {number}" for number in range(4)]
    assert asyncio.run(run()) == [*first, "background 0", "video 4", "video 5", "background 1"]


def test_the_background_waits_while_it_may_not_go() -> None:
    async def run() -> None:
        queue = Queue()
        task = await queue.come("background", background=True)
        await queue.call(background_may=False)
        assert not queue.called
        assert queue.waiting.is_before(background=True)
        assert not queue.waiting.is_before(background=False)
        await queue.call()
        assert task.done()

    asyncio.run(run())


def test_a_turn_of_one_that_is_cancelled_is_anothers() -> None:
    async def run() -> None:
        queue = Queue()
        gone = await queue.come("gone")
        await queue.come("next")
        gone.cancel()
        await queue.call()
        assert queue.called == ["next"]

        called = await queue.come("called")
        queue.waiting.call_next(background_may=True)
        called.cancel()
        await asyncio.wait([called])
        assert called.cancelled()
        assert queue.passed_on > 0

    asyncio.run(run())
