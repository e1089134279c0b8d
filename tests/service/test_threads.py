"""Nothing is left of what was made for nobody."""

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest

from service.threads import made_in_thread
from tests.support.waiting import eventually_async


def test_what_was_made_is_given() -> None:
    assert asyncio.run(made_in_thread(lambda: 7, pytest.fail)) == 7


def test_what_is_raised_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(made_in_thread(partial(os.open, tmp_path / "none", os.O_RDONLY), os.close))


def test_a_file_that_is_opened_for_nobody_is_closed(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    os.mkfifo(slow)  # is open once somebody writes

    def open_ones() -> int:
        return sum(os.path.realpath(each) == str(slow) for each in Path("/proc/self/fd").iterdir())

    async def run() -> None:
        opening = asyncio.create_task(made_in_thread(partial(os.open, slow, os.O_RDONLY), os.close))
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        os.close(await asyncio.to_thread(os.open, slow, os.O_WRONLY))
        await eventually_async(lambda: not open_ones())

    asyncio.run(run())
