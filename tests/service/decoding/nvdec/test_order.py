"""Frames that are missing or too many show by counting, before any is used; times must be in an order that they fit."""

from fractions import Fraction

import pytest

from service.decoding.nvdec.errors import NvdecError
from service.decoding.nvdec.order import Order
from service.decoding.nvdec.packets import Coded


def coded(*times: int, key: bool = False) -> list[Coded]:
    return [Coded(b"x", time, 1, Fraction(1, 25), dropped=False, key=key) for time in times]


def times_of(packets: list[Coded]) -> list[int]:
    return [packet.pts for packet in packets]


def refusal(order: Order, count: int, held: int) -> str:
    """Why so many frames are not taken. None of them is."""
    before = order.returned
    with pytest.raises(NvdecError) as refused:
        order.take(count, held)
    assert order.returned == before
    return f"{refused.value.kind}: {refused.value.detail}"


def test_frames_come_in_the_order_of_their_times() -> None:
    order = Order()
    order.sent(coded(1, 4, 2, 3))
    assert times_of(order.take(2, held=2)) == [1, 2]
    order.sent(coded(8, 6))
    assert times_of(order.take(2, held=2)) == [3, 4]
    assert times_of(order.rest(2)) == [6, 8]


def test_more_frames_than_packets() -> None:
    order = Order()
    order.sent(coded(1, 2))
    assert refusal(order, 3, held=0) == "damaged: more frames than packets"


@pytest.mark.parametrize("frames", [1, 3])
def test_as_many_frames_at_the_end_as_packets_wait(frames: int) -> None:
    order = Order()
    order.sent(coded(1, 2, 3))
    order.take(1, held=2)
    with pytest.raises(NvdecError, match=f"{frames} frames of the last 2 packets"):
        order.rest(frames)


def test_more_held_back_than_at_first_is_a_frame_lost() -> None:
    order = Order()
    order.sent(coded(1, 2, 3))
    assert order.take(0, held=0) == [], "none has come yet"
    order.take(1, held=2)
    order.sent(coded(4))
    assert refusal(order, 0, held=2) == "damaged: a packet gave no frame"


def test_more_held_back_than_any_stream_asks_for() -> None:
    order = Order()
    order.sent(coded(*range(30)))
    assert refusal(order, 1, held=29) == "damaged: a packet gave no frame"


def test_a_time_before_that_of_a_frame_that_was_shown_before() -> None:
    """Within what is sent together, too: whose frame is whose would be a guess."""
    order = Order()
    order.sent(coded(1, 2, 3, 4, 5, 6))
    order.take(5, held=1)
    order.sent(coded(10, 11, 12, 8, 13))
    assert refusal(order, 5, held=1) == "unsupported: its times go back"


def test_a_key_frame_is_later_than_all_before_it() -> None:
    order = Order()
    order.sent(coded(1, 2, 4))
    with pytest.raises(NvdecError, match="its times go back"):
        order.sent(coded(3, key=True))


def test_what_is_shown_before_a_key_frame_may_come_after_it() -> None:
    order = Order()
    order.sent([*coded(1, key=True), *coded(2), *coded(5, key=True), *coded(3, 4)])
    assert times_of(order.take(3, held=2)) == [1, 2, 3]


def test_two_packets_of_one_time() -> None:
    order = Order()
    with pytest.raises(NvdecError, match="two packets have one time") as refused:
        order.sent(coded(1, 1))
    assert refused.value.kind == "unsupported"
