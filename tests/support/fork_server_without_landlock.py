"""The service's fork server on a kernel that has no Landlock."""

from service.decoding import fork_server
from service.decoding.sandbox import confinement
from service.decoding.sandbox.landlock import Opens


def restrict_files(opens: Opens | None = None) -> bool:
    """What it says where there is none."""
    return False


if __name__ == "__main__":
    confinement.restrict_files = restrict_files  # type: ignore[attr-defined]
    fork_server.main()
