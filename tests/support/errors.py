"""Every error that the service has, as if classifying a video ended in it."""

from collections.abc import Iterator

import pytest

from service.errors import ServiceError
from service.web import routes


def _kinds(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    if error.__module__ == ServiceError.__module__:  # and not a test's
        yield error
    for derived in error.__subclasses__():
        yield from _kinds(derived)


EVERY_ERROR = tuple(_kinds(ServiceError))
# Without those that are told of jobs only.
CLASSIFY_ERRORS = tuple(kind for kind in EVERY_ERROR if kind.status not in (403, 404))


def classifying_raises(error: ServiceError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is posted, its classification ends in this error."""

    async def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(routes, "classify_upload", refuse)
