"""The base of everything in a manifest."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of a manifest: it does not change, and has nothing that its class does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
