"""The key is asked for by the path that routing sees, whatever the client says of host and path (CVE-2026-48710)."""

import socket

import pytest

from ...support.live_server import StubServer


def status_of(live: StubServer, target: str, host: str) -> int:
    """Status of a GET sent byte for byte."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


HOSTS = [
    "x/health?",
    "x/health#",
    "x/health/live?",
    "user@x/health?",
    "x:80/health?",
    "[::1]/health?",
    "x\\health?",
    "/health?",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("target", ["/labels", "/metrics", "/openapi.json"])
def test_no_host_opens_a_closed_path(locked: StubServer, target: str, host: str) -> None:
    assert status_of(locked, target, host) in (400, 401)


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_closes_an_open_path(locked: StubServer, host: str) -> None:
    assert status_of(locked, "/health", host) in (200, 400)


@pytest.mark.parametrize(
    "target",
    [
        "/health/../labels",
        "//health",
        "/health/",
        "/labels?/health",
        "/labels#/health",
        "/%68ealth/../labels",
        "//",
        "//static/icon.svg",
        "/%2fstatic/icon.svg",
    ],
)
def test_paths_that_only_look_open(locked: StubServer, target: str) -> None:
    assert status_of(locked, target, "x") in (400, 401)


def test_an_escaped_path_is_the_same_path(locked: StubServer) -> None:
    assert status_of(locked, "/%68ealth", "x") == 200
