"""The service's fork server on a system that lets no child limit its memory and time."""

import errno
import os

from service.decoding import fork_server, spare


def _refuse(address_space: int, cpu_seconds: float) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


if __name__ == "__main__":
    spare.limit = _refuse  # type: ignore[attr-defined]
    fork_server.main()
