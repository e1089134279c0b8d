"""A service that decodes nothing: it has the clips ready."""

from pathlib import Path

from engine_builder.errors import VerificationError
from engine_builder.manifest import ClipFormat, Frames

from ..serving_stub import ServingStub


class Clips(ServingStub):
    """A service that gives ready clips for every video."""

    def __init__(self, clips: Frames) -> None:
        super().__init__()
        self._ready = clips

    def clips(self, video: Path, clip: ClipFormat, limit: int) -> Frames:
        if video.suffix == ".bad":
            raise VerificationError(f"{video}: not a video")
        return self._ready[:limit]
