"""What can be wrong with a video, as the decode child finds it."""

from .messages import ErrorKind


class DecodeError(Exception):
    """The video cannot be decoded; `kind` says why in one word."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
