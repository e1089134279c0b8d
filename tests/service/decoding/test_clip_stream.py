"""What a child sends is checked, whatever it is."""

import asyncio
import socket
from pathlib import Path

import pytest

from service.decoding import messages
from service.decoding.clip_stream import ClipStream, ProtocolError

from ...support.decoders import all_of
from ...support.jobs import job_of

CLIP = (
    messages.ClipSpan(index=0, start_frame=0, end_frame=32, start_seconds=0, end_seconds=1).model_dump_json().encode()
)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (messages.LENGTHS.pack(messages.MAX_HEADER_BYTES + 1, 0), "too long"),
        (messages.LENGTHS.pack(2, 0) + b"{}", "malformed"),
        (messages.LENGTHS.pack(4, 0) + b"\xff\xff\xff\xff", "malformed"),
        (messages.LENGTHS.pack(len(CLIP), 5) + CLIP + b"12345", "wrong size"),
    ],
    ids=["too long", "no message", "no JSON", "a clip of a wrong size"],
)
def test_a_child_that_sends_nonsense_is_not_believed(packet: bytes, reason: str) -> None:
    async def body() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.sendall(packet)
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(ProtocolError, match=reason):
                await all_of(ClipStream(job_of(Path("unused")), ours, asyncio.Semaphore(1)))

    asyncio.run(body())
