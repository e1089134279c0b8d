"""Resource limits: memory, processor time, files."""

import math
import os
import resource
from pathlib import Path

# The upload, the socket and the three standard streams; FFmpeg opens the file once.
MAX_FILES = 16
# What a process that is not limited in memory may write, to files in memory too.
MAX_FILE_BYTES = 16 << 20


def address_space() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def limit(address_space: int, cpu_seconds: float) -> None:
    """Limit this process for good: bytes of `address_space`, `cpu_seconds` of processor time (then SIGXCPU), no growing
    of files, no core dump, few open files."""
    seconds = math.ceil(cpu_seconds)
    limits = {
        resource.RLIMIT_AS: (address_space, address_space),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (MAX_FILES, MAX_FILES),
    }
    for kind, values in limits.items():
        resource.setrlimit(kind, values)


def limit_files() -> None:
    """Limit this process for good: no core dump, no large files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
