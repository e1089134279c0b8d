"""Work that is given up."""

import asyncio
import gc

import pytest

from service.errors import NotReadyError, VideoError
from service.web.classify import unless


def test_work_that_fails_as_it_is_given_up_is_nobodys_news(caplog: pytest.LogCaptureFixture) -> None:
    async def fail_late() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise VideoError("no frame could be decoded") from None

    async def run() -> None:
        with pytest.raises(NotReadyError):
            await unless(fail_late(), (asyncio.sleep(0), lambda: NotReadyError("the server ends")))

    asyncio.run(run())
    gc.collect()
    assert caplog.messages == []
