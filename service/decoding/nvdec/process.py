"""The process that drives a GPU's NVDEC: the one place where untrusted bitstreams meet NVIDIA's driver.

`python -m service.decoding.nvdec.process FD PARENT GPU`: FD is a Unix sequenced-packet socket; the messages on it are
in `control`. The process makes ready, gives up for good what it needs no more, and serves decode children.
"""

import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..sandbox.confinement import confine_driver
from ..sandbox.privileges import leave_network
from ..sandbox.process import call_it, die_with_parent
from ..sandbox.rlimits import limit_files
from . import complaints
from .control import Ready, Unavailable

if TYPE_CHECKING:
    from .server import Server

# As `ps` and `top` show it.
NAME = "r3d-nvdec"


class CannotError(Exception):
    """NVDEC cannot be used here; the text says why, and what to do."""


def main() -> None:
    """Entry point of the process."""
    descriptor, parent, number = map(int, sys.argv[1:4])
    die_with_parent(parent)
    call_it(NAME)
    # Ctrl-C reaches the whole process group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    network = leave_network()  # while there is one thread
    control = socket.socket(fileno=descriptor)
    with suppress(ConnectionError):  # the parent may go at any time: that is the end, not a fault
        try:
            server = prepare(control, number)
            sandbox = {"network_namespace": network, **confine_driver()}
        except (CannotError, OSError) as error:
            control.send(Unavailable(reason=str(error)).model_dump_json().encode())
            return
        ready = Ready(gpu=server.gpu.device.name(), units=server.gpu.decoder_units, sandbox=sandbox)
        control.send(ready.model_dump_json().encode())
        server.serve()


def prepare(control: socket.socket, number: int) -> "Server":
    """Load everything, and decode a picture of our own. Raises CannotError."""
    limit_files()
    complaints.listen()
    try:
        from .gpu import Gpu
        from .server import Server

        gpu = Gpu(number)
    except Exception as error:  # packages and drivers that do not go together may raise anything
        raise CannotError(explain(error)) from error
    if not gpu.decoder_units:
        raise CannotError(f"GPU {number} has no video decoder")
    server = Server(control, gpu)
    try:
        server.try_out()
    except Exception as error:
        raise CannotError(f"a picture of our own is not decoded: {explain(error)}") from error
    return server


def explain(error: Exception) -> str:
    """An error of loading in one line."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "libnvidia-encode" in str(error) or "libnvcuvid" in str(error):
        return f"{first}: a container needs `video` among its NVIDIA_DRIVER_CAPABILITIES"
    return first


if __name__ == "__main__":
    main()
