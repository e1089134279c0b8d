"""What the service and a process that drives NVDEC tell each other, a packet each, in JSON.

An `Open` comes with the process's end of a stream socket to a decode child: see `wire`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..pixels.grid import CropFormat

MAX_PACKET = 64 * 1024


class _Packet(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Open(_Packet):
    """To the process: serve a decode child, whose crops are these. `number` is the caller's."""

    kind: Literal["open"] = "open"
    number: int
    crop: CropFormat


class Ready(_Packet):
    """From the process, first: it decodes so many videos at a time, confined by these mechanisms."""

    kind: Literal["ready"] = "ready"
    gpu: str
    units: int
    sandbox: dict[str, bool]


class Unavailable(_Packet):
    """From the process, instead: why it cannot decode."""

    kind: Literal["unavailable"] = "unavailable"
    reason: str


class Closed(_Packet):
    """From the process: a decode child is served; `damaged`: its video was."""

    kind: Literal["closed"] = "closed"
    number: int
    damaged: bool


class Broken(_Packet):
    """From the process, last: why it ends."""

    kind: Literal["broken"] = "broken"
    reason: str


ANSWERS: TypeAdapter[Ready | Unavailable | Closed | Broken] = TypeAdapter(
    Annotated[Ready | Unavailable | Closed | Broken, Field(discriminator="kind")]
)
