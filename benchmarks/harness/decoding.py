"""The service's decoder alone: every clip is received and dropped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine_builder.manifest import ClipFormat
from service.classification import scheduling
from service.classification.decode_job import job_of
from service.decoding.decoder import Decoder
from service.settings import Settings


@dataclass(frozen=True)
class DecoderAlone:
    """Decodes as the service does where the network is no limit; use it in the event loop it was opened in."""

    _decoder: Decoder
    _decode_slots: int

    @classmethod
    @asynccontextmanager
    async def open(cls, decode_slots: int) -> AsyncIterator["DecoderAlone"]:
        """Started, and ended with the block. At most `decode_slots` videos decode at a time."""
        decoder = Decoder(decode_slots, scheduling.open_slots(decode_slots))
        await decoder.start()
        try:
            yield cls(decoder, decode_slots)
        finally:
            await decoder.close()

    async def decode(self, video: Path, clip: ClipFormat) -> int:
        """Decode a whole video; how many clips it has. Raises ServiceError."""
        threads = scheduling.decode_threads(self._decode_slots, self._decoder.open_videos)
        job = job_of(video, clip, Settings(), threads=threads)
        async with self._decoder.open(job) as stream:
            return sum([1 async for _ in stream.clips()])
