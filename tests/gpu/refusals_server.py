"""`r3d-serve` for `tests.gpu.refusals`: prints `/health` once it is ready, then stops itself with SIGTERM."""

import os
import signal
import sys
import threading

import httpx

from service.commands.serve import main
from service.web.lifecycle import Lifecycle

PORT = 18123


def watch(ready: threading.Event) -> None:
    ready.wait()
    print(httpx.get(f"http://127.0.0.1:{PORT}/health", timeout=20).text, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    became_ready, event = Lifecycle._become_ready, threading.Event()

    def note(lifecycle: Lifecycle, classifier: object) -> None:
        became_ready(lifecycle, classifier)  # type: ignore[arg-type]
        event.set()

    Lifecycle._become_ready = note  # type: ignore[method-assign, assignment]
    threading.Thread(target=watch, args=(event,), daemon=True).start()

    sys.argv = ["r3d-serve", "--port", str(PORT)]
    main()
