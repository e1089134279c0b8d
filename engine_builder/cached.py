"""The model directories in the user's cache: the bundled model, as the service builds it, and published ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from .errors import ManifestError
from .manifest import MANIFEST, Manifest

# Where they are below the cache.
PLACES = (f"*/{MANIFEST}", f"published/*/{MANIFEST}")


@dataclass(frozen=True)
class CachedModel:
    """A model directory and its size in bytes. `manifest` is None when it cannot be read; `problem` says why."""

    directory: Path
    size: int
    manifest: Manifest | None
    problem: str | None = None


def cache() -> Path:
    """The user's cache of this project."""
    return user_cache_path("r3d")


def cached_models() -> Iterator[CachedModel]:
    """What is in the cache, by name."""
    for place in sorted(path for pattern in PLACES for path in cache().glob(pattern)):
        directory = place.parent
        size = sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
        try:
            yield CachedModel(directory, size, Manifest.load(directory))
        except ManifestError as error:
            yield CachedModel(directory, size, None, str(error))
