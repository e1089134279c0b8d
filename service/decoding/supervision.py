"""A decode child's end: why it came, and that it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ..errors import DecoderCrashedError, ServiceError
from .clip_stream import ClipStream, ProtocolError
from .fork_client import Child, ForkClient

# A child whose connection ended is ending too; one that is still there after this long only pretends.
EXIT_SECONDS = 2.0


@asynccontextmanager
async def supervised(client: ForkClient, child: Child, stream: ClipStream) -> AsyncIterator[None]:
    """Tell why a child failed; it is killed, and gone with the block, unless it has done its work and is leaving."""
    try:
        yield
    except EOFError:
        raise await _reason(client, child) from None
    except ProtocolError as error:
        raise DecoderCrashedError(f"the decoder broke its protocol: {error}") from error
    finally:
        client.kill(child)
        if stream.ended is None:
            with suppress(asyncio.CancelledError):
                await asyncio.shield(child.ended)


async def _reason(client: ForkClient, child: Child) -> ServiceError:
    """Why a child's connection ended; a child that only closed it is killed."""
    try:
        return await asyncio.wait_for(asyncio.shield(child.ended), EXIT_SECONDS)
    except TimeoutError:
        client.kill(child)
        await asyncio.shield(child.ended)
        return DecoderCrashedError("the decoder closed its connection and went on")
