"""Room for connections among the file descriptors that the process may have."""

import logging
import resource

from ..classification.scheduling import max_requests
from ..settings import Settings

logger = logging.getLogger(__name__)

# Of a request: its upload, its decoder's socket and process, and one while they change hands.
PER_REQUEST = 4
# Of the server: libraries, the model's files, listening sockets, threads' wake-up pipes, and some to spare.
OWN = 200


def connections_that_fit(settings: Settings) -> int:
    """As many as `R3D_MAX_CONNECTIONS`, or fewer where the system allows too few open files.

    A server without descriptors would fail requests that it has admitted. The soft limit is raised to what is needed,
    as far as the hard one allows.
    """
    others = PER_REQUEST * max_requests(settings.queue_clips) + OWN
    wanted = settings.max_connections + others
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return settings.max_connections
    fitting = max(1, soft - others)
    logger.warning("at most %d files may be open: %d connections are accepted at a time", soft, fitting)
    return fitting
