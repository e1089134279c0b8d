"""Whose a request is: the name of its API key."""

from starlette.requests import HTTPConnection
from starlette.types import Scope

# Of `R3D_API_KEY`, and where no key is asked for.
NAMELESS = ""


def own(scope: Scope, name: str) -> None:
    """The request came with the key of this name."""
    scope["state"]["owner"] = name


def owner_of(connection: HTTPConnection) -> str:
    """The name of the request's key."""
    return getattr(connection.state, "owner", NAMELESS)


def has_key(connection: HTTPConnection) -> bool:
    """Whether the request came with a key."""
    return hasattr(connection.state, "owner")
