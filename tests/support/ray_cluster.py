"""A Ray of our own: free ports, a directory of its own, and only its own processes looked at and ended."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml

from .programs import program
from .waiting import eventually

START_SECONDS = 100.0
STOP_SECONDS = 30.0
# Free ones: those of Ray's own range are another node's on this machine.
WORKER_PORTS = ("--min-worker-port=0", "--max-worker-port=0")
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
    """A running Ray. `environment` leads programs to it; `dashboard`, if it has one, is where `serve deploy` goes."""

    head: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]
    dashboard: str | None

    def replicas(self) -> list[psutil.Process]:
        """Its processes that are a copy of a deployment."""
        return titled(self.head, "ServeReplica:")


def titled(node: "subprocess.Popen[bytes]", title: str) -> list[psutil.Process]:
    """A node's processes with this in their title."""
    return [process for process in psutil.Process(node.pid).children(recursive=True) if title in _title(process)]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def ray(directory: Path, cpus: int, dashboard: bool = False, **environment: str) -> Iterator[Cluster]:
    """Ray on this machine for as long as the block lasts."""
    # A token of its own: whether the user has one in the home directory would else decide whether any is asked for.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    variables = others | ENVIRONMENT | token | environment
    port = free_port()
    ports = [
        f"--dashboard-port={port}",
        "--port=0",
        f"--ray-client-server-port={free_port()}",
        f"--dashboard-agent-listen-port={free_port()}",
    ]
    options = [
        *WORKER_PORTS,
        f"--include-dashboard={str(dashboard).lower()}",
        "--disable-usage-stats",
        f"--temp-dir={directory}",
    ]
    start = [program("ray"), "start", "--head", "--block", f"--num-cpus={cpus}", *ports, *options]
    with subprocess.Popen(start, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as head:
        try:
            address = directory / "ray_current_cluster"
            eventually(lambda: head.poll() is not None or (address.exists() and address.read_text()), START_SECONDS)
            assert head.returncode is None, "Ray did not start"
            led = variables | {"RAY_ADDRESS": address.read_text()}
            yield Cluster(head, led, f"http://127.0.0.1:{port}" if dashboard else None)
        finally:
            kill_node(head)


@contextmanager
def another_node(cluster: Cluster, cpus: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A second node of the cluster, on this machine too, for as long as the block lasts or until it is killed."""
    address = f"--address={cluster.environment['RAY_ADDRESS']}"
    options = [f"--num-cpus={cpus}", f"--dashboard-agent-listen-port={free_port()}", *WORKER_PORTS]
    start = [program("ray"), "start", address, "--block", *options]
    null = subprocess.DEVNULL
    with subprocess.Popen(start, env=cluster.environment, stdout=null, stderr=null) as node:
        try:
            eventually(lambda: node.poll() is not None or titled(node, "raylet"), START_SECONDS)
            assert node.returncode is None, "the node did not start"
            yield node
        finally:
            kill_node(node)


def kill_node(node: "subprocess.Popen[bytes]") -> None:
    """At once: what it would tidy up, nobody needs."""
    processes = psutil.Process(node.pid).children(recursive=True) if node.poll() is None else []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    node.kill()
    assert psutil.wait_procs(processes, STOP_SECONDS)[1] == []


@contextmanager
def serve(cluster: Cluster, application: str, *arguments: str) -> Iterator[str]:
    """`serve run` on it, with the address of its HTTP proxy once that answers for a replica that is ready."""
    port, variables = free_port(), cluster.environment
    # Nodes of a test are on one machine, and have one port.
    start = [program("serve"), "start", "--http-port", str(port), "--proxy-location", "HeadOnly"]
    subprocess.run(start, env=variables, check=True, capture_output=True, timeout=START_SECONDS)
    command = [program("serve"), "run", application, *arguments]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: _answers(url), START_SECONDS)
            yield url
        finally:
            process.kill()


def deploy(cluster: Cluster, config: Path, folder: Path, **arguments: float) -> str:
    """`serve deploy` of a configuration, at a free port and with these arguments; the address, once it answers."""
    port, wanted = free_port(), yaml.safe_load(config.read_text())
    wanted["http_options"]["port"] = port
    [application] = wanted["applications"]
    application["args"] |= arguments
    changed = folder / config.name
    changed.write_text(yaml.safe_dump(wanted))
    assert cluster.dashboard is not None
    command = [program("serve"), "deploy", str(changed), "--address", cluster.dashboard]
    subprocess.run(command, env=cluster.environment, check=True, capture_output=True, timeout=START_SECONDS)
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: _answers(url), START_SECONDS)
    return url


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def archive(cluster: Cluster, *options: str) -> "subprocess.Popen[str]":
    """A run of `service.ray_cluster.batch` on it; read what it says, or it stands still one day."""
    command = [sys.executable, "-m", "service.ray_cluster.batch", *options]
    return subprocess.Popen(command, env=cluster.environment, stderr=subprocess.PIPE, text=True)
