"""TensorRT's builder as far as it is used, with TensorRT-RTX's own parser and network inside: what a build is told."""

from pathlib import Path
from types import ModuleType
from typing import Any

VERSION = "11.4.0.106"


class FakeConfig:
    """Notes what it is told, and takes only timings of this version."""

    def __init__(self, real: Any, takes: bytes) -> None:
        self.__dict__.update(_real=real, _takes=takes, cleared=[], offered=[], cache=None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_timing_cache(self, content: bytes) -> bytes | None:
        self.offered.append(content)
        return content if content in (b"", self._takes) else None

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.__dict__["cache"] = cache
        return True

    def get_timing_cache(self) -> Any:
        return None if self.cache is None else FakeCache(self._takes)


class FakeCache:
    """Timings."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> bytes:
        return self._content


def fake_tensorrt(rtx: ModuleType, takes: bytes = b"timings", engine: bytes = b"an engine") -> tuple[Any, list[Any]]:
    """A module `tensorrt`, and the configurations of its builds. `takes`: the timings it makes and accepts."""
    configs: list[FakeConfig] = []

    class Builder:
        def __init__(self, logger: Any) -> None:
            self._real = rtx.Builder(logger)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def create_builder_config(self) -> FakeConfig:
            configs.append(FakeConfig(self._real.create_builder_config(), takes))
            return configs[-1]

        def build_serialized_network(self, network: Any, config: FakeConfig) -> bytes:
            return engine

    module = ModuleType("tensorrt")
    module.__dict__.update(vars(rtx) | {"Builder": Builder, "__version__": VERSION, "__name__": "tensorrt"})
    return module, configs


def timings_in(folder: Path) -> dict[str, bytes]:
    """The files of timings, by name."""
    return {path.name: path.read_bytes() for path in folder.glob("timing*")}
