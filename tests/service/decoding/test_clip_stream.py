"""What a child sends is checked, whatever it is."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.decoding import messages
from service.decoding.clip_stream import HUNG_SECONDS, STALLED_SECONDS, ClipStream, ProtocolError
from service.decoding.slots import Slots
from service.errors import DecoderCrashedError, VideoError

from ...support.decoders import all_of
from ...support.jobs import job_of
from ...support.virtual_time import run_at_once

CLIP = (
    messages.ClipSpan(index=0, start_frame=0, end_frame=32, start_seconds=0, end_seconds=1).model_dump_json().encode()
)
OTHER = (
    messages.ClipSpan(sampling=1, index=0, start_frame=0, end_frame=32, start_seconds=0, end_seconds=1)
    .model_dump_json()
    .encode()
)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (messages.LENGTHS.pack(messages.MAX_HEADER_BYTES + 1, 0), "too long"),
        (messages.LENGTHS.pack(2, 0) + b"{}", "malformed"),
        (messages.LENGTHS.pack(4, 0) + b"\xff\xff\xff\xff", "malformed"),
        (messages.LENGTHS.pack(len(CLIP), 5) + CLIP + b"12345", "wrong size"),
        (messages.LENGTHS.pack(len(OTHER), 5) + OTHER + b"12345", "no sampling"),
    ],
    ids=["too long", "no message", "no JSON", "a clip of a wrong size", "a clip of a sampling that is not there"],
)
def test_a_child_that_sends_nonsense_is_not_believed(packet: bytes, reason: str) -> None:
    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.sendall(packet)
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(ProtocolError, match=reason):
                await all_of(ClipStream(job_of(Path("unused")), ours, Slots(1)))

    asyncio.run(body())


def sent(message: messages.Message) -> bytes:
    header = message.model_dump_json().encode()
    return messages.LENGTHS.pack(len(header), 0) + header


@contextmanager
def decoding_child() -> "Iterator[tuple[socket.socket, Slots, asyncio.Task[object]]]":
    """The child's end of a connection, its only decode slot, and the task that receives its clips."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        slots = Slots(1)
        yield theirs, slots, asyncio.create_task(all_of(ClipStream(job_of(Path("unused")), ours, slots)))


def test_a_child_that_makes_no_progress_loses_its_slot_and_then_its_life() -> None:
    async def body() -> None:
        with decoding_child() as (_, slots, decoding):
            await asyncio.sleep(STALLED_SECONDS - 1)
            assert slots.locked
            await asyncio.sleep(2)
            assert not slots.locked
            await asyncio.sleep(HUNG_SECONDS - STALLED_SECONDS - 2)
            assert not decoding.done()
            with pytest.raises(DecoderCrashedError, match="took too long: no frame was decoded for 60 s"):
                await decoding

    run_at_once(body())


def test_a_child_that_reports_progress_keeps_its_slot() -> None:
    async def body() -> None:
        with decoding_child() as (theirs, slots, decoding):
            for frames in range(10):
                theirs.sendall(sent(messages.Progress(frames=frames)))
                await asyncio.sleep(15)
                assert slots.locked
            theirs.sendall(sent(messages.Failed(error="undecodable", detail="no frame could be decoded")))
            with pytest.raises(VideoError):
                await decoding
            assert not slots.locked

    run_at_once(body())


@pytest.mark.parametrize("given_to_nvdec", [True, False])
def test_a_child_falls_back_to_the_cpu_once_and_only_from_nvdec(given_to_nvdec: bool) -> None:
    fallback = sent(messages.Fallback(reason="damaged", detail="a packet gave no frame"))

    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            cores = Slots(1)
            await cores.acquire(newcomer=False)
            await cores.acquire(newcomer=True)  # the one more
            places = asyncio.Semaphore(0)

            async def to_cores() -> None:
                await places.acquire()

            slots = cores if given_to_nvdec else Slots(1)
            stream = ClipStream(job_of(Path("unused")), ours, slots, to_cores=to_cores if given_to_nvdec else None)
            decoding = asyncio.create_task(all_of(stream))
            theirs.sendall(fallback)
            if given_to_nvdec:
                theirs.sendall(fallback)
                cores.release()
                await asyncio.sleep(1)
                assert not decoding.done(), "it waits until the cores may have it open"
                await cores.acquire(newcomer=True)
                places.release()
                await asyncio.sleep(1)
                assert not decoding.done(), "it waits for one of the cores"
                cores.release()
            with pytest.raises(ProtocolError, match="fallback out of order"):
                await decoding

    run_at_once(body())
