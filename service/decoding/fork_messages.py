"""What the service and its fork server tell each other, a packet each, in JSON.

A `Fork` comes with the child's end of a stream socket and the open upload attached, and, if its job says so, with the
child's end of a connection to the process that drives NVDEC.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .messages import Job

MAX_PACKET = 64 * 1024
MAX_DESCRIPTORS = 3
# A child's exit status when it could not be confined; nothing was decoded.
UNCONFINED = 77


class _Packet(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fork(_Packet):
    """To the server: start a child for this job. `number` is the caller's, and in every answer about it."""

    kind: Literal["fork"] = "fork"
    number: int
    job: Job

    @property
    def descriptors(self) -> int:
        """How many come with it."""
        return MAX_DESCRIPTORS if self.job.nvdec else MAX_DESCRIPTORS - 1


class Kill(_Packet):
    """To the server: kill the job's child, if it is still there."""

    kind: Literal["kill"] = "kill"
    number: int


class Ready(_Packet):
    """From the server, first: it can fork, and its children are confined by these mechanisms."""

    kind: Literal["ready"] = "ready"
    sandbox: dict[str, bool]


class Refused(_Packet):
    """From the server: no child could be started for the job."""

    kind: Literal["refused"] = "refused"
    number: int
    reason: str


class Exited(_Packet):
    """From the server: the job's child ended, with a status as in `subprocess` (negative: the signal)."""

    kind: Literal["exited"] = "exited"
    number: int
    status: int


REQUESTS: TypeAdapter[Fork | Kill] = TypeAdapter(Annotated[Fork | Kill, Field(discriminator="kind")])
ANSWERS: TypeAdapter[Ready | Refused | Exited] = TypeAdapter(
    Annotated[Ready | Refused | Exited, Field(discriminator="kind")]
)
