"""Many writes, few calls that wait for the disk."""

import errno
import os
import threading
from pathlib import Path

import pytest

from service.batch.syncing import Syncing


def test_all_that_was_written_is_synced_when_the_block_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    with (tmp_path / "out").open("wb", buffering=0) as stream, Syncing(stream.fileno(), seconds=60) as syncing:
        for _ in range(1000):
            stream.write(b"line")
            syncing.written()
    assert sizes == [4000]


def test_what_is_written_is_synced_while_nothing_follows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    synced = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: synced.set())
    with (tmp_path / "out").open("wb", buffering=0) as stream, Syncing(stream.fileno(), seconds=0.01) as syncing:
        stream.write(b"line")
        syncing.written()
        assert synced.wait(20)


def test_what_cannot_be_kept_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        (tmp_path / "out").open("wb") as stream,
        pytest.raises(OSError, match="No space left"),
        Syncing(stream.fileno(), seconds=0) as syncing,
    ):
        syncing.written()
