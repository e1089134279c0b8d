"""Decoders for tests: started, used and seen off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine_builder.manifest import Frames
from service.decoding.clip_stream import ClipStream
from service.decoding.decoder import Decoder
from service.decoding.messages import ClipSpan

from .processes import new_processes

T = TypeVar("T")

OPEN_PER_SLOT = 4
SECONDS = 30.0


def with_decoder(body: Callable[[Decoder], Awaitable[T]], slots: int = 2) -> T:
    """Run `body` with a decoder of so many decode slots, and see that no process is left."""

    async def run() -> T:
        decoder = Decoder(slots, slots * OPEN_PER_SLOT)
        await decoder.start()
        try:
            return await asyncio.wait_for(body(decoder), SECONDS)
        finally:
            await decoder.close()

    left = new_processes()
    try:
        return asyncio.run(run())
    finally:
        assert left() == []


async def all_of(stream: ClipStream) -> list[tuple[ClipSpan, Frames]]:
    """Every clip."""
    return [clip async for clip in stream.clips()]
