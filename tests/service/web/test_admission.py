import asyncio

import pytest

from service.errors import QueueFullError
from service.web.admission import MAX_RETRY_SECONDS, QUICK_SECONDS, Admission, Visit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def slow_upload(clock: Clock, visit: Visit) -> None:
    clock.now += QUICK_SECONDS
    visit.uploading()


def test_as_many_as_the_queue_holds_and_no_more() -> None:
    admission = Admission(2)
    with admission.enter() as first, admission.enter() as second:
        first.uploaded()
        second.uploaded()
        assert admission.active == 2
        with pytest.raises(QueueFullError) as caught, admission.enter():
            pass
        assert caught.value.headers["Retry-After"] == "1"
    assert admission.active == 0
    with admission.enter():
        assert admission.active == 1


def test_no_place_is_taken_before_the_body_is_there_or_slow(clock: Clock) -> None:
    admission = Admission(1, clock)
    with admission.enter() as early, admission.enter() as late:
        early.uploading()
        late.uploaded()
        with pytest.raises(QueueFullError):
            early.uploaded()
    with admission.enter() as next_one:
        next_one.uploaded()


def test_slow_uploads_leave_a_fifth_of_the_places(clock: Clock) -> None:
    admission = Admission(5, clock)
    slow = [admission.enter() for _ in range(5)]
    visits = [each.__enter__() for each in slow]
    for visit in visits[:4]:
        slow_upload(clock, visit)
    with pytest.raises(QueueFullError, match="4 slow uploads"):
        visits[4].uploading()
    with admission.enter() as quick:
        quick.uploading()
        quick.uploaded()
        with pytest.raises(QueueFullError, match="5 requests"), admission.enter():
            pass
    for each in slow:
        each.__exit__(None, None, None)
    assert admission.active == 0


def test_an_upload_that_is_complete_is_not_slow_any_more(clock: Clock) -> None:
    admission = Admission(5, clock)
    for _ in range(2):  # the second time, all is given back
        entered = [admission.enter() for _ in range(5)]
        visits = [each.__enter__() for each in entered]
        for visit in visits:
            slow_upload(clock, visit)
            visit.uploading()
            visit.uploaded()
        assert [(visit.admitted, visit.slow) for visit in visits] == [(True, False)] * 5
        for each in entered:
            each.__exit__(None, None, None)


def test_where_places_are_few_a_slow_upload_may_have_one(clock: Clock) -> None:
    admission = Admission(1, clock)
    with admission.enter() as visit:
        slow_upload(clock, visit)
        with pytest.raises(QueueFullError), admission.enter():
            pass


def test_an_admission_is_given_back_on_error(clock: Clock) -> None:
    admission = Admission(1, clock)
    with pytest.raises(ZeroDivisionError), admission.enter() as visit:
        slow_upload(clock, visit)
        raise ZeroDivisionError
    with admission.enter() as visit:
        visit.uploaded()


def test_retry_after_follows_the_rate(clock: Clock) -> None:
    admission = Admission(1, clock)
    for _ in range(3):
        clock.now += 7.5
        with admission.enter() as visit:
            visit.uploaded()
    assert admission.retry_after() == 8
    clock.now += 1e6
    assert admission.retry_after() == MAX_RETRY_SECONDS


def test_idle_waits_for_the_last_though_it_has_no_place() -> None:
    async def run() -> None:
        admission = Admission(2)
        await asyncio.wait_for(admission.idle(), 1)
        with admission.enter():
            waiting = asyncio.create_task(admission.idle())
            await asyncio.sleep(0)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 1)

    asyncio.run(run())


def test_jobs_are_uploaded_as_many_at_a_time_as_there_are_places() -> None:
    admission = Admission(2)
    with admission.attend(), admission.attend():
        with pytest.raises(QueueFullError, match="2 jobs are being uploaded"), admission.attend():
            pass
        with admission.enter() as request:  # they have none of the places
            request.uploaded()
    with admission.attend():
        assert admission.active == 1
