"""The server's sockets: bound before anything is loaded, so that a port in use is told at once."""

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from ..errors import StartupError

BACKLOG = 2048


def listen(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each address of `host`, all of them on `port`; 0: on any that is free.

    Connections wait until the server accepts them. Raises StartupError when the port is in use, may not be used, or
    `host` is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with ExitStack() as opened:
            sockets: list[socket.socket] = []
            for family, address in dict.fromkeys((each[0], each[4]) for each in found):
                here = (address[0], port or (sockets[0].getsockname()[1] if sockets else 0), *address[2:])
                sockets.append(opened.enter_context(_listening(family, here)))
            opened.pop_all()
            return sockets
    except OSError as error:
        raise StartupError(f"{host}:{port}: {_reason(error)}") from error


def _listening(family: int, address: tuple[str | int, ...]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except BaseException:
        opened.close()
        raise
    return opened


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop what uses it, or name another with --port"
    if error.errno == errno.EACCES:
        return "this user may not listen on this port; those from 1024 on are open to everyone"
    return str(error.strerror or error)


def address_of(host: str, sockets: Sequence[socket.socket]) -> str:
    """What to open in a browser: the address that was asked for, with the port that is listened on."""
    port = sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
