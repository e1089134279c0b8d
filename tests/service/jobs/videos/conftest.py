"""Places for videos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.object_store import store as store


@pytest.fixture(autouse=True)
def nothing_stays_open(tmp_path: Path) -> Iterator[None]:
    """A nameless file that is still open takes its room on the disk."""
    yield
    assert not nameless_files(tmp_path)


def nameless_files(folder: Path) -> list[str]:
    """Files below `folder` that this process has open, and that have no name any more."""
    links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return [link for link in links if link.startswith(str(folder)) and link.endswith("(deleted)")]
