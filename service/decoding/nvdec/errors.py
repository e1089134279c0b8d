"""Why NVDEC does not decode a video."""

from ..messages import FallbackKind


class NvdecError(Exception):
    """The video is to be decoded on the CPU; `kind` says why in one word."""

    def __init__(self, kind: FallbackKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
