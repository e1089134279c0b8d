import asyncio
import os
import signal
import tempfile
from pathlib import Path

import pytest

from service.web.uploads.spool import PREFIX, Spool, sweep

from ...support.processes import run_alone


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_directories_are_private_and_removed(temporary: Path) -> None:
    async def run() -> None:
        spool = Spool()
        async with spool.directory() as one, spool.directory() as two:
            assert one != two
            assert one.stat().st_mode & 0o777 == 0o700
            assert one.parent.stat().st_mode & 0o777 == 0o700
            (one / "video").write_bytes(b"x")
        assert not one.exists()
        spool.close()

    asyncio.run(run())
    assert list(temporary.iterdir()) == []


def test_a_directory_is_removed_on_error(temporary: Path) -> None:
    async def run() -> None:
        spool = Spool()
        with pytest.raises(ZeroDivisionError):
            async with spool.directory() as made:
                raise ZeroDivisionError
        assert not made.exists()
        spool.close()

    asyncio.run(run())


def test_a_spool_that_was_cleared_away_is_made_again() -> None:
    async def run() -> None:
        spool = Spool()
        async with spool.directory() as made:
            root = made.parent
        (root / "lock").unlink()
        root.rmdir()
        async with spool.directory() as made:
            assert made.is_dir()
        spool.close()

    asyncio.run(run())


def killed_process(temporary: str) -> None:
    """Be killed in the middle of an upload."""
    tempfile.tempdir = temporary

    async def run() -> None:
        async with Spool().directory() as made:
            (made / "video").write_bytes(b"left over")
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run())


def test_what_a_killed_server_left_is_swept_and_nothing_else(temporary: Path) -> None:
    assert run_alone(killed_process, temporary).returncode == -signal.SIGKILL
    [left] = temporary.glob(f"{PREFIX}*/*/video")
    (temporary / f"{PREFIX}other").mkdir()  # without a lock: perhaps being made at this moment
    (temporary / "unrelated").mkdir()

    async def run() -> None:
        alive = Spool()
        async with alive.directory() as made:
            assert sweep() == 1
            assert made.is_dir()
        alive.close()

    asyncio.run(run())
    assert not left.exists()
    assert {path.name for path in temporary.iterdir()} == {f"{PREFIX}other", "unrelated"}
    assert sweep() == 0
