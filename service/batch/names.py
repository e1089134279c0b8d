"""A set of names that may be millions: on disk, so that memory does not grow with them."""

import hashlib
import os
import sqlite3
from types import TracebackType
from typing import Self

DIGEST_BYTES = 16


class Names:
    """Names of files, by a digest each, in a temporary file that is gone with the block. One thread at a time."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE names (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")  # a transaction for each name would take most of the time

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, name: str) -> bool:
        """Whether it is new."""
        digest = hashlib.blake2b(os.fsencode(name), digest_size=DIGEST_BYTES).digest()
        return self._database.execute("INSERT OR IGNORE INTO names VALUES (?)", (digest,)).rowcount == 1
