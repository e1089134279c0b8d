"""A Ray of our own: free ports, a directory of its own, and only its own processes looked at and ended."""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from .programs import program
from .waiting import eventually

START_SECONDS = 60.0
STOP_SECONDS = 30.0
ENVIRONMENT = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "service.ray_cluster.proxy:middlewares",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class Cluster:
    """A running Ray. `environment` leads programs to it."""

    head: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]

    def replicas(self) -> list[psutil.Process]:
        """Its processes that are a copy of a deployment."""
        children = psutil.Process(self.head.pid).children(recursive=True)
        return [process for process in children if "ServeReplica:" in _title(process)]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def ray(directory: Path, cpus: int, **environment: str) -> Iterator[Cluster]:
    """Ray on this machine for as long as the block lasts."""
    # A token of its own: whether the user has one in the home directory would else decide whether any is asked for.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    variables = others | ENVIRONMENT | token | environment
    ports = ["--port=0", f"--ray-client-server-port={free_port()}", f"--dashboard-agent-listen-port={free_port()}"]
    options = [
        "--include-dashboard=false",
        "--disable-usage-stats",
        f"--temp-dir={directory}",
    ]
    start = [program("ray"), "start", "--head", "--block", f"--num-cpus={cpus}", *ports, *options]
    with subprocess.Popen(start, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as head:
        try:
            address = directory / "ray_current_cluster"
            eventually(lambda: head.poll() is not None or (address.exists() and address.read_text()), START_SECONDS)
            assert head.returncode is None, "Ray did not start"
            yield Cluster(head, variables | {"RAY_ADDRESS": address.read_text()})
        finally:
            _end(head)


def _end(head: "subprocess.Popen[bytes]") -> None:
    """At once: what it would tidy up, nobody needs."""
    processes = psutil.Process(head.pid).children(recursive=True) if head.poll() is None else []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    head.kill()
    assert psutil.wait_procs(processes, STOP_SECONDS)[1] == []


@contextmanager
def serve(cluster: Cluster, application: str, *arguments: str) -> Iterator[str]:
    """`serve run` on it, with the address of its HTTP proxy once that answers for a replica that is ready."""
    port, variables = free_port(), cluster.environment
    start = [program("serve"), "start", "--http-port", str(port)]
    subprocess.run(start, env=variables, check=True, capture_output=True, timeout=START_SECONDS)
    command = [program("serve"), "run", application, *arguments]
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/health").status_code == 200
        except httpx.TransportError:
            return False

    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(answers, START_SECONDS)
            yield url
        finally:
            process.kill()
