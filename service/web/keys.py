"""The API keys, each with the name of who holds it: `R3D_API_KEY`, and those of `R3D_API_KEYS_FILE`."""

import hashlib
import hmac
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StartupError
from .owner import NAMELESS

logger = logging.getLogger(__name__)

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64})\s+(?P<digest>[0-9a-f]{64})")
COMMENT = "#"


@dataclass(frozen=True)
class Holder:
    """`digest`: SHA-256 of a key that is random and long, so that no slower hash is needed."""

    name: str
    digest: bytes


def holders(lines: Iterable[str]) -> list[Holder]:
    """A name and a digest, in hexadecimal, a line. Raises ValueError, which shows no digest."""
    found = []
    for number, line in enumerate(lines, start=1):
        if not (text := line.partition(COMMENT)[0].strip()):
            continue
        if (match := LINE.fullmatch(text)) is None:
            raise ValueError(f"line {number} is not a name and the SHA-256 of a key, in 64 hexadecimal digits")
        found.append(Holder(match["name"], bytes.fromhex(match["digest"])))
    return found


class Keys:
    """Who holds a key. The file is read again when it has changed. Use it in one thread."""

    def __init__(self, key: str | None, file: Path | None) -> None:
        """Raises StartupError for a file that cannot be read or holds anything else."""
        self._alone = [] if key is None else [Holder(NAMELESS, hashlib.sha256(key.encode()).digest())]
        self._file = file
        self._named: Sequence[Holder] = ()
        self._stamp: tuple[int, ...] | None = None
        try:
            self._read_if_changed()
        except (OSError, ValueError) as error:
            raise StartupError(f"R3D_API_KEYS_FILE: {error}") from error

    def name_of(self, key: bytes) -> str | None:
        """The holder's name; None for a key that nobody has."""
        try:
            self._read_if_changed()
        except (OSError, ValueError) as error:
            logger.error("R3D_API_KEYS_FILE: %s; the keys stay as they were", error)
        digest = hashlib.sha256(key).digest()
        same = [each for each in (*self._alone, *self._named) if hmac.compare_digest(each.digest, digest)]
        return same[0].name if same else None

    def _read_if_changed(self) -> None:
        if self._file is None:
            return
        status = self._file.stat()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._named = holders(self._file.read_text().splitlines())
