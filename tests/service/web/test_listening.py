"""Sockets that are there before anything is loaded."""

import socket

import pytest

from service.errors import StartupError
from service.web.listening import address_of, listen


def test_it_listens_at_once_on_every_address_of_a_name() -> None:
    sockets = listen("localhost", 0)
    try:
        ports = {each.getsockname()[1] for each in sockets}
        assert len(ports) == 1
        assert address_of("localhost", sockets) == f"http://localhost:{ports.pop()}"
        for each in sockets:
            with socket.create_connection(each.getsockname()[:2], 5):
                pass
    finally:
        for each in sockets:
            each.close()


@pytest.mark.parametrize(
    ("host", "reason"), [("192.0.2.1", "Cannot assign requested address"), ("nowhere.invalid", "nowhere.invalid:1: ")]
)
def test_an_address_that_is_not_this_machines(host: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason):
        listen(host, 1 if host.endswith("invalid") else 0)


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(StartupError, match="the port is in use"):
        listen("127.0.0.1", other.getsockname()[1])


def test_an_ipv6_address_is_written_in_brackets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        assert address_of("::1", [opened]) == f"http://[::1]:{opened.getsockname()[1]}"
