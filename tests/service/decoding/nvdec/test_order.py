"""Frames that are missing, too many or out of turn show by counting."""

from fractions import Fraction

import pytest

from service.decoding.nvdec.errors import NvdecError
from service.decoding.nvdec.order import Order
from service.decoding.nvdec.packets import Coded


def coded(*times: int) -> list[Coded]:
    return [Coded(b"x", time, 1, Fraction(1, 25), dropped=False) for time in times]


def test_frames_come_in_the_order_of_their_times() -> None:
    order = Order()
    order.sent(coded(1, 4, 2, 3))
    assert [order.take().pts for _ in range(2)] == [1, 2]
    order.answered(held=2)
    assert (order.returned, order.missing) == (2, 2)


def test_one_more_than_there_are_packets() -> None:
    order = Order()
    order.sent(coded(1, 2))
    assert [order.take().pts for _ in range(2)] == [1, 2]
    with pytest.raises(NvdecError, match="more than one frame"):
        order.take()


def test_more_held_back_than_at_first_is_a_frame_lost() -> None:
    order = Order()
    order.sent(coded(1, 2, 3))
    order.answered(held=0)  # none has come yet
    order.take()
    order.answered(held=2)
    order.sent(coded(4))
    with pytest.raises(NvdecError, match="gave no frame"):
        order.answered(held=2)


def test_more_held_back_than_any_stream_asks_for() -> None:
    order = Order()
    order.sent(coded(*range(30)))
    order.take()
    with pytest.raises(NvdecError, match="gave no frame"):
        order.answered(held=29)


def test_two_packets_of_one_time() -> None:
    order = Order()
    with pytest.raises(NvdecError, match="two packets have one time") as refused:
        order.sent(coded(1, 1))
    assert refused.value.kind == "unsupported"
