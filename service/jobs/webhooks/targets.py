"""Where webhooks may go: to hosts that the operator named, and not into networks of the operator's own.

A client names the address, and the service calls it: without this, whoever may send a video could have the service ask
what only it can reach.
"""

import asyncio
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from ...errors import ParameterError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = {"https": 443, "http": 80}
MAX_URL = 2000
# IPv6 addresses in which an IPv4 address is meant: those of NAT64 and 6to4.
TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("2002::/16"))


class ForbiddenTargetError(Exception):
    """The host has an address that webhooks may not go to, or none."""


@dataclass(frozen=True)
class Targets:
    """`hosts`: names, each with `:port` behind it unless it is that of https. `networks`: not public, but allowed."""

    hosts: Collection[str]
    networks: Sequence[Network] = ()

    def check(self, text: str) -> None:
        """Raises ParameterError for what may not be asked for; the host's addresses are looked at each time."""
        url = _parsed(text)
        plain = url.scheme == "http" and self.networks
        if not url.host or not (url.scheme == "https" or plain):
            raise ParameterError("webhook: an https:// address is wanted")
        if len(text) > MAX_URL or url.userinfo:
            raise ParameterError(f"webhook: at most {MAX_URL} characters, and no password")
        port = url.port or PORTS[url.scheme]
        allowed = {each.lower() for each in self.hosts}
        if f"{url.host}:{port}" not in allowed and not (port == PORTS["https"] and url.host in allowed):
            raise ParameterError("webhook: the service does not call this host (R3D_WEBHOOK_HOSTS)")

    async def address(self, url: httpx.URL) -> Address:
        """An address to connect to, looked up now. Raises ForbiddenTargetError."""
        try:
            port = url.port or PORTS[url.scheme]
            found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ForbiddenTargetError(f"the host has no address: {error.strerror}") from error
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        for each in addresses:
            if not self._may_reach(each, url.scheme):
                raise ForbiddenTargetError("the host has an address that is not public (R3D_WEBHOOK_NETWORKS)")
        return addresses[0]

    def _may_reach(self, address: Address, scheme: str) -> bool:
        if any(address in network for network in self.networks if network.version == address.version):
            return True
        return scheme == "https" and is_public(address)


def is_public(address: Address) -> bool:
    """Whether it is one of the Internet's, and means no other."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def _parsed(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ParameterError(f"webhook: {error}") from error
