"""Which videos NVDEC decodes and which the cores. Use it in one event loop."""

import asyncio
import logging
import socket
from collections.abc import Sequence

from ...errors import StartupError
from ...settings import DecoderChoice
from ..pixels.grid import CropFormat
from .client import UnavailableError
from .supply import Supply

logger = logging.getLogger(__name__)

# With `auto`; longer than NVDEC takes for some seconds of video, shorter than a short video waits behind long ones.
PATIENCE_SECONDS = 5.0


class Dispatch:
    """Gives videos connections to NVDEC, as the operator chose; none where there is no NVDEC."""

    def __init__(self, choice: DecoderChoice, gpus: Sequence[int], cores: int, confined: bool) -> None:
        """`gpus`: whose NVDEC; `cores`: that may decode. A video that finds NVDEC busy waits; with `auto` it goes to
        the cores if some can be spared, or if it has waited long. `confined` is as for `Supply`."""
        self._choice = choice
        self._cores = cores
        self._supply = None if choice == "cpu" else Supply(gpus, confined)
        self._reason = "R3D_DECODER=cpu"

    @property
    def state(self) -> tuple[bool, str]:
        """Whether NVDEC decodes, and what of it there is, or why it does not."""
        return (False, self._reason) if self._supply is None else (self._supply.available, self._supply.reason)

    @property
    def busy(self) -> int:
        """Videos that NVDEC decodes now."""
        return 0 if self._supply is None else self._supply.busy

    @property
    def at_once(self) -> int:
        """Videos that may decode at a time: NVDEC's, and, unless every video waits for NVDEC, the cores'."""
        sessions = 0 if self._supply is None else self._supply.sessions
        return sessions if sessions and self._choice == "nvdec" else sessions + self._cores

    async def start(self) -> None:
        """Returns when it is known what there is. Raises StartupError if NVDEC was asked for and cannot be used."""
        if self._supply is None:
            return
        try:
            await self._supply.start()
        except UnavailableError as error:
            if self._choice == "nvdec":
                raise StartupError(f"R3D_DECODER=nvdec, but NVDEC cannot be used: {error}") from error
            self._supply, self._reason = None, str(error)
            logger.info("decoding on the CPU; NVDEC cannot be used: %s", error)
            return
        logger.info(
            "decoding by NVDEC: %s%s", self._supply.reason, "" if self._choice == "nvdec" else "; and on the CPU"
        )
        if self._supply.lacking:
            logger.warning("what drives NVDEC is not confined by %s", self._supply.lacking)

    async def connect(self, crop: CropFormat, on_cores: int, background: bool = False) -> socket.socket | None:
        """A decode child's end of a connection to NVDEC; None if the cores are to decode its video.

        `on_cores`: videos that they have. `background`: nobody waits for it, so that it leaves half of NVDEC to others.
        """
        if self._supply is None:
            return None
        if (found := self._supply.take(crop, background)) is not None:
            return found
        # What feeds NVDEC takes most of a core for each of its units.
        if self._choice == "auto" and on_cores < self._cores - self._supply.units:
            return None
        try:
            async with asyncio.timeout(None if self._choice == "nvdec" else PATIENCE_SECONDS):
                return await self._supply.wait(crop, background)
        except TimeoutError:
            return None

    async def close(self) -> None:
        """End every process."""
        if self._supply is not None:
            await self._supply.close()
