"""The kernels that TensorRT-RTX compiled for an engine, kept in the user's cache: without them each start compiles."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from engine_builder.manifest import Engine

logger = logging.getLogger(__name__)


class KernelCache:
    """The compiled kernels of one engine on one GPU. TensorRT-RTX itself checks whether what was kept is right."""

    def __init__(self, engine: Any, entry: Engine, gpu: str, folder: Path | None = None) -> None:
        """Load what was kept. `engine`: TensorRT-RTX's. `folder`: the user's cache unless given."""
        name = f"{entry.sha256[:16]}-{gpu.replace(' ', '-').replace('/', '-')}.cache"
        self._path = (folder or user_cache_path("r3d") / "kernels") / name
        self.config = engine.create_runtime_config()
        self._cache = self.config.create_runtime_cache()
        try:
            kept = self._path.read_bytes()
        except OSError:
            kept = b""
        if kept and not self._cache.deserialize(kept):
            logger.info("%s is of another version or GPU: kernels are compiled again", self._path)
        self.config.set_runtime_cache(self._cache)
        self._saved = len(kept)

    def save(self) -> None:
        """Keep what was compiled, in one step; where nothing can be written, the next start compiles again."""
        try:
            made = self._cache.serialize()
            content = b"" if made is None else bytes(made)
            if len(content) == self._saved or not content:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(name).replace(self._path)
            self._saved = len(content)
        except (OSError, RuntimeError) as error:
            logger.warning("the compiled kernels cannot be kept, each start compiles them: %s", error)
