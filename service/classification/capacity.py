"""How much one server takes on: the slots that its memory has room for."""

import logging

from ..machine import available_memory
from ..settings import Settings
from .scheduling import open_slots, slots_that_fit

logger = logging.getLogger(__name__)


def planned_slots(settings: Settings) -> tuple[int, int]:
    """Decode slots and open slots, fewer than the settings ask for where memory is short, which is told.

    A video more than memory has room for would end in the kernel killing something. Whoever asked for more is warned;
    what nobody asked for is only planned to fit, as on any laptop with 8 CPUs and 16 GB.
    """
    wanted, memory = settings.decode_workers, available_memory()
    decoding, opened = slots_that_fit(wanted, settings.decode_memory_bytes, memory)
    if opened < open_slots(wanted):
        logger.log(
            logging.WARNING if "decode_workers" in settings.model_fields_set else logging.INFO,
            "%.1f GiB of memory: at most %d videos are open, not %d, and %d are decoded at a time, not %d, as each may "
            "take R3D_DECODE_MEMORY_BYTES, %d MiB",
            *(memory / (1 << 30), opened, open_slots(wanted), decoding, wanted, settings.decode_memory_bytes >> 20),
        )
    return decoding, opened
