"""What torchvision publishes, and where it is looked for.

Names of files: `models/video/resnet.py` of torchvision 0.28. The digits in them are the beginning of their SHA-256.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ..errors import DownloadError

BASE_URL = "https://download.pytorch.org/models/"
VARIABLE = "R3D_WEIGHTS_URL"
FILES = {
    "r3d_18": "r3d_18-b3b3357e.pth",
    "mc3_18": "mc3_18-a90a0ba3.pth",
    "r2plus1d_18": "r2plus1d_18-91a641e6.pth",
}
SUFFIXES = (".pth", ".pt", ".safetensors")
HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")


@dataclass(frozen=True)
class Source:
    """Where a file of weights comes from: an http(s) address or a path of this machine."""

    place: str
    name: str
    sha256_prefix: str

    @property
    def is_remote(self) -> bool:
        """Whether it has to be downloaded."""
        return self.place.startswith(("http://", "https://"))


def source_of(architecture: str) -> Source:
    """The published file of `architecture`, at `R3D_WEIGHTS_URL` if that is set.

    That may be an http(s) folder or file, a file URL or a path. A file's name says what its SHA-256 begins with; one
    whose name does not must be the published one. Raises DownloadError for what is no address.
    """
    place = os.environ.get(VARIABLE) or BASE_URL
    try:
        return _source(place, FILES[architecture])
    except ValueError as error:
        raise DownloadError(f"{VARIABLE}: {place} is no address: {error}") from error


def _source(place: str, published: str) -> Source:
    if place.startswith("file:"):
        place = unquote(urlsplit(place).path)
    remote = place.startswith(("http://", "https://"))
    name = PurePosixPath(unquote(urlsplit(place).path) if remote else place).name
    if not name.endswith(SUFFIXES):
        name = published
        place = f"{place.rstrip('/')}/{name}" if remote else str(Path(place) / name)
    match = HASH.search(name) or HASH.search(published)
    return Source(place, name, match[1] if match else "")
