"""A rolling restart loses nothing: `python -m tests.system.rollouts`.

Two instances behind nginx or Caddy, as `deploy/proxies` has them, are restarted in turn while six clients send videos.
Prints how many files were answered; exit status 1 if one was lost or failed.
"""

import json
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from ..support.processes import ROOT
from ..support.programs import Served, serving
from ..support.proxies import PROXIES, Certificate, free_port
from .rollout_clients import KINDS, Setting, Tally

VIDEO = ROOT / "service" / "web" / "static" / "samples" / "tour.mp4"
# A drain, on a machine that has much else to do.
STOP_SECONDS = 60.0
CLIENTS = ("archive", "archive", "python", "live", "curl", "curl")


class Instance:
    """A process of `r3d-serve` on a port that it keeps, whenever it is started again."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.port = free_port()
        self._arguments = arguments
        self._block = ExitStack()
        self._served: Served | None = None

    def start(self) -> None:
        """Returns when it is ready."""
        self._served = self._block.enter_context(serving("--port", str(self.port), *self._arguments))
        self._served.wait_ready()

    def stop(self) -> None:
        """As a supervisor does it."""
        assert self._served is not None
        self._served.process.terminate()
        status = self._served.wait(STOP_SECONDS)
        self._block.close()
        assert status == 0, f"it ended with {status}"

    def kill(self) -> None:
        """However it is."""
        self._block.close()


def restart_in_turn(instances: Sequence[Instance], seconds: float, period: float) -> int:
    """One after the other, each a `period` after the one before, or when that is ready; how many times."""
    until, restarts = time.monotonic() + seconds, 0
    while (started := time.monotonic()) < until:
        instance = instances[restarts % len(instances)]
        instance.stop()
        instance.start()
        restarts += 1
        time.sleep(max(0.0, min(until, started + period) - time.monotonic()))
    return restarts


def trial(
    folder: Path,
    proxy: str,
    seconds: float,
    period: float,
    clients: Sequence[str] = CLIENTS,
    arguments: Sequence[str] = (),
) -> Mapping[str, Any]:
    """Restarts, files answered by kind of client, and all that went wrong. `arguments` are those of `r3d-serve`."""
    over, instances = threading.Event(), [Instance(arguments), Instance(arguments)]
    with ExitStack() as stack:
        certificate = Certificate(folder)
        # httpx, in this process and in those that it starts, believes who is in this file.
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("SSL_CERT_FILE", str(certificate.authority))
        for instance in instances:
            stack.callback(instance.kill)
            instance.start()
        ports = [instance.port for instance in instances]
        url = stack.enter_context(PROXIES[proxy](folder / "proxy", ports, certificate))
        threads = stack.enter_context(ThreadPoolExecutor(len(clients)))
        stack.callback(over.set)  # whatever happens, the clients end before what they ask
        running = []
        for number, kind in enumerate(clients):
            own = folder / f"{kind}-{number}"
            own.mkdir()
            running.append(threads.submit(KINDS[kind], Setting(url, VIDEO, own, certificate.authority, over)))
        restarts = restart_in_turn(instances, seconds, period)
        over.set()
        tallies = [each.result() for each in running]
    return {"restarts": restarts, **_summed(clients, tallies)}


def _summed(clients: Sequence[str], tallies: Sequence[Tally]) -> dict[str, Any]:
    answered = dict.fromkeys(clients, 0)
    for kind, tally in zip(clients, tallies, strict=True):
        answered[kind] += tally.answered
    return {"answered": answered, "failures": [failure for tally in tallies for failure in tally.failures]}


def run(
    seconds: Annotated[float, typer.Option(help="How long.")] = 180,
    period: Annotated[float, typer.Option(help="From one restart to the next.")] = 10,
    proxy: Annotated[str, typer.Option(help="nginx or caddy.")] = "nginx",
    client: Annotated[list[str], typer.Option(help="A kind of client; again for one more.")] = list(CLIENTS),  # noqa: B006
) -> None:
    """Restart two instances in turn under load."""
    with tempfile.TemporaryDirectory() as folder:
        found = trial(Path(folder), proxy, seconds, period, client)
    print(json.dumps(found, indent=1))
    raise typer.Exit(bool(found["failures"]))


def main() -> None:
    """Entry point."""
    typer.run(run)


if __name__ == "__main__":
    main()
