"""Where webhooks may go."""

import asyncio
import socket
from ipaddress import ip_address, ip_network

import httpx
import pytest

from service.errors import ParameterError
from service.jobs.webhooks.targets import ForbiddenTargetError, Targets, is_public

PUBLIC = Targets(("hooks.example.org", "Other.example.org:8443"))
INSIDE = Targets(("hooks.example.org", "127.0.0.1:8080"), (ip_network("127.0.0.0/8"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("targets", "url"),
    [
        (PUBLIC, "https://hooks.example.org/r3d?from=here"),
        (PUBLIC, "https://HOOKS.example.org:443/"),
        (PUBLIC, "https://other.example.org:8443/x"),
        (INSIDE, "http://127.0.0.1:8080/x"),
    ],
)
def test_what_the_operator_named_may_be_asked_for(targets: Targets, url: str) -> None:
    targets.check(url)


@pytest.mark.parametrize(
    ("targets", "url", "reason"),
    [
        (PUBLIC, "https://elsewhere.example.org/", "does not call this host"),
        (PUBLIC, "https://hooks.example.org.evil.org/", "does not call this host"),
        (PUBLIC, "https://hooks.example.org:8443/", "does not call this host"),
        (PUBLIC, "https://other.example.org/", "does not call this host"),
        (PUBLIC, "https://hooks.example.org@evil.org/", "no password"),
        (PUBLIC, "https://user:pw@hooks.example.org/", "no password"),
        (PUBLIC, "http://hooks.example.org/", "https://"),
        (PUBLIC, "ftp://hooks.example.org/", "https://"),
        (PUBLIC, "hooks.example.org", "https://"),
        (PUBLIC, "https://", "https://"),
        (PUBLIC, "https://hooks.example.org/" + "x" * 2000, "2000 characters"),
        (PUBLIC, "https://hooks.example.org:x/", "webhook: "),
        (INSIDE, "http://hooks.example.org/", "does not call this host"),
        (Targets(()), "https://hooks.example.org/", "does not call this host"),
    ],
)
def test_nothing_else_may(targets: Targets, url: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        targets.check(url)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1"),
        *("64:ff9b::a00:1", "2002:a00:1::", "::ffff:127.0.0.1", "198.18.0.1", "192.0.2.1"),
    ],
)
def test_addresses_that_are_not_the_internets(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(ip_address(address))


def looked_up(
    monkeypatch: pytest.MonkeyPatch, targets: Targets, url: str, *addresses: str, error: OSError | None = None
) -> str:
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        if error is not None:
            raise error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return str(asyncio.run(targets.address(httpx.URL(url))))


def test_a_name_is_looked_up_and_its_address_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://hooks.example.org/"
    assert looked_up(monkeypatch, PUBLIC, url, "93.184.215.14") == "93.184.215.14"
    with pytest.raises(ForbiddenTargetError, match="not public"):
        looked_up(monkeypatch, PUBLIC, url, "93.184.215.14", "10.0.0.1")
    with pytest.raises(ForbiddenTargetError, match="no address"):
        looked_up(monkeypatch, PUBLIC, url, error=socket.gaierror(-2, "Name or service not known"))


def test_networks_that_the_operator_named_may_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_up(monkeypatch, INSIDE, "http://127.0.0.1:8080/", "127.0.0.1") == "127.0.0.1"
    assert looked_up(monkeypatch, INSIDE, "https://hooks.example.org/", "fd00::1") == "fd00::1"
    with pytest.raises(ForbiddenTargetError):
        looked_up(monkeypatch, INSIDE, "https://hooks.example.org/", "10.0.0.1")
    with pytest.raises(ForbiddenTargetError):  # http is for those networks only
        looked_up(monkeypatch, INSIDE, "http://hooks.example.org/", "93.184.215.14")
