import asyncio

import pytest

from service.errors import QueueFullError
from service.web.admission import MAX_RETRY_SECONDS, Admission


def test_as_many_as_the_queue_holds_and_no_more() -> None:
    admission = Admission(2)
    with admission.enter(), admission.enter():
        assert admission.active == 2
        with pytest.raises(QueueFullError) as caught, admission.enter():
            pass
        assert caught.value.headers["Retry-After"] == "1"
    assert admission.active == 0
    with admission.enter():
        assert admission.active == 1


def test_an_admission_is_given_back_on_error() -> None:
    admission = Admission(1)
    with pytest.raises(ZeroDivisionError), admission.enter():
        raise ZeroDivisionError
    with admission.enter():
        pass


def test_retry_after_follows_the_rate() -> None:
    now = 100.0
    admission = Admission(1, clock=lambda: now)
    for _ in range(3):
        now += 7.5
        with admission.enter():
            pass
    assert admission.retry_after() == 8
    now += 1e6
    assert admission.retry_after() == MAX_RETRY_SECONDS


def test_idle_waits_for_the_last() -> None:
    async def run() -> None:
        admission = Admission(2)
        await asyncio.wait_for(admission.idle(), 1)
        with admission.enter():
            waiting = asyncio.create_task(admission.idle())
            await asyncio.sleep(0)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(run())
