"""The bundled model, built into the user's cache directory the first time it is needed."""

import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

from platformdirs import user_cache_path

from engine_builder.manifest import MANIFEST, Manifest, ManifestError, sha256_of

from .. import __version__
from ..errors import StartupError


def bundled_model() -> Path:
    """Directory of the bundled model, made by `r3d-engine bundled` unless it is there already.

    Raises StartupError when it cannot be made.
    """
    with as_file(files("engine_builder") / "camera_motion" / "camera_motion.wts") as file:
        weights = sha256_of(file)
    directory = user_cache_path("r3d") / f"camera-motion-{__version__}-{weights[:12]}"
    if not _is_built(directory, weights):
        command = [sys.executable, "-m", "engine_builder", "bundled", "-o", str(directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StartupError(f"the bundled model cannot be built in {directory}: {done.stderr.strip()}")
    return directory


def _is_built(directory: Path, weights: str) -> bool:
    try:
        if not (directory / MANIFEST).exists():
            return False
        kept = Manifest.load(directory)
        return kept.weights_sha256 == weights and kept.embedding is not None
    except ManifestError:
        return False  # from another version, as one without embeddings: build it anew
