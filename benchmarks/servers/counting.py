"""The service with its backend wrapped so that batch sizes are counted: the process that `benchmarks.gpu` loads."""

import json
import logging
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from engine_builder.manifest import Frames, Manifest, Probabilities
from service.inference.backends.protocol import Backend, BackendFactory, Description
from service.inference.backends.selection import choose
from service.settings import Settings
from service.web.app import create_app
from service.web.lifecycle import Lifecycle, State
from service.web.server import Server, server_config


class Counting:
    """A backend that remembers how large its batches were."""

    def __init__(self, backend: Backend, sizes: "Counter[int]") -> None:
        self.description: Description = backend.description
        self.max_batch = backend.max_batch
        self._backend = backend
        self._sizes = sizes

    def infer(self, frames: Frames) -> Probabilities:
        self._sizes[len(frames)] += 1
        return np.asarray(self._backend.infer(frames), np.float32)

    def close(self) -> None:
        self._backend.close()


class AnnouncingServer(Server):
    """Prints its address once the model is loaded."""

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets)
        lifecycle: Lifecycle = self.config.app.state.lifecycle  # type: ignore[union-attr]
        await lifecycle.wait_until_loaded()
        assert lifecycle.state is State.READY
        print(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}", flush=True)


def counted(factory: BackendFactory, sizes: "Counter[int]") -> Backend:
    return Counting(factory(), sizes)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    settings = Settings()
    assert settings.model is not None
    choice = choose(settings, settings.model, Manifest.load(settings.model))
    sizes: Counter[int] = Counter()
    app = create_app(settings, partial(counted, choice.factories[0], sizes))
    AnnouncingServer(server_config(app, "127.0.0.1", 0), app.state.lifecycle).run()
    Path(sys.argv[1]).write_text(json.dumps({str(size): sizes[size] for size in sorted(sizes)}))


if __name__ == "__main__":
    main()
