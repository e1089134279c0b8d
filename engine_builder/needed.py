"""Building only what is not there, one builder at a time: for a model directory that several machines share."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ManifestError
from .files import sha256_of
from .manifest import Manifest, Precision
from .serving import Serving

LOCK = ".building"


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Wait until nobody else builds in the directory, and keep others waiting for the length of the block.

    A builder that is killed lets go. On a network file system it needs locks (NFSv4, CephFS and their like have them).
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def reason_to_build(
    directory: Path, weights: Path, precision: Precision, runtime: str, serving: Serving
) -> str | None:  # fmt: skip
    """Why the directory has no engine of these weights that runs here; None if it has one."""
    try:
        manifest = Manifest.load(directory)
    except ManifestError as error:
        return str(error)
    if manifest.weights_sha256 != sha256_of(weights):
        return f"{directory} was built from other weights"
    return serving.engine_problem(directory, manifest, precision, runtime)
