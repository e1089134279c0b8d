"""A model that torchvision publishes weights for, asked for by name: fetched and built the first time."""

import hashlib
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

from engine_builder.manifest import MANIFEST, Manifest, ManifestError

from ..errors import StartupError
from ..settings import Settings

NAMES = ("r3d_18", "mc3_18", "r2plus1d_18")


def published_model(settings: Settings) -> Path | None:
    """The model directory of the published weights that `R3D_MODEL` names; None when it names a directory or nothing.

    A directory of that name goes before. Made by `r3d-engine fetch`, which shows its progress and says what is wrong,
    unless it is in the cache. Raises StartupError when it cannot be made.
    """
    name = str(settings.model)
    if name not in NAMES or (Path(name) / MANIFEST).exists():
        return None
    directory = user_cache_path("r3d") / "published" / f"{name}{_place(settings.weights_url)}"
    if not _is_built(directory):
        command = [sys.executable, "-m", "engine_builder", "fetch", name, "-o", str(directory)]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise StartupError(f"the model {name} cannot be fetched")
    return directory


def _place(url: str | None) -> str:
    """Weights from elsewhere make another directory; `r3d-engine fetch` names its own likewise."""
    return f"-{hashlib.sha256(url.encode()).hexdigest()[:12]}" if url else ""


def _is_built(directory: Path) -> bool:
    try:
        return (directory / MANIFEST).exists() and Manifest.load(directory).embedding is not None
    except ManifestError:
        return False  # from another version, as one without embeddings: build it anew
