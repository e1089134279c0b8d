"""Serves decode children, each in a thread, until the service wants no more."""

import faulthandler
import os
import select
import socket
import threading
import time
from functools import partial

from pydantic import BaseModel

from ..pixels.grid import CropFormat
from .capacity import sessions_of
from .control import MAX_PACKET, Broken, Closed, Open
from .gpu import Gpu
from .pool import SIZES, Pool
from .self_test import self_test
from .session import Session
from .unit import DecoderUnit

# A batch of packets takes some ten milliseconds, some hundred with every decoder at work on large frames; on a machine
# that has no time for it, more.
HUNG_SECONDS = 15.0
CHECK_SECONDS = 1.0
BROKEN = 3


class Server:
    """Serves what comes over the control socket. An error of the GPU, or a hang, ends the process."""

    def __init__(self, control: socket.socket, gpu: Gpu) -> None:
        self.gpu = gpu
        self._control = control
        self._pool = Pool(partial(DecoderUnit, gpu), sessions_of(gpu.decoder_units))
        self._sessions: dict[int, Session] = {}

    def try_out(self) -> None:
        """Decode a picture of our own. Raises what `self_test` raises."""
        unit = DecoderUnit(self.gpu, "h264", 8, SIZES[0])
        self_test(unit)
        self._pool.give(unit)

    def serve(self) -> None:
        """Until the service closes the control socket."""
        while True:
            # For a hang that holds Python's lock: this thread does not come here again.
            faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
            readable, _, _ = select.select([self._control], [], [], CHECK_SECONDS)
            self._check()
            if readable and not self._handle():
                os._exit(0)  # children that are left go on without it

    def _check(self) -> None:
        now = time.monotonic()
        for session in list(self._sessions.values()):
            since = session.busy_since
            if since is not None and now - since > HUNG_SECONDS:
                self._break(f"NVDEC did not answer for {HUNG_SECONDS:g} s")

    def _handle(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, MAX_PACKET, 1)
        if not packet:
            return False
        opened = Open.model_validate_json(packet)
        connection = socket.socket(fileno=descriptors[0])
        session = Session(connection, self._pool, CropFormat(**vars(opened.crop)), self.gpu.refuses)
        self._sessions[opened.number] = session
        threading.Thread(target=self._run, args=(opened.number, session, connection), daemon=True).start()
        return True

    def _run(self, number: int, session: Session, connection: socket.socket) -> None:
        try:
            with self.gpu.current(), connection:
                session.serve()
        except Exception as error:  # of the GPU, or of ours: what comes next from this process is in doubt
            self._break(f"{type(error).__name__}: {error}")
        del self._sessions[number]
        self._tell(Closed(number=number, damaged=session.damaged))

    def _break(self, reason: str) -> None:
        self._tell(Broken(reason=reason[:1000]))
        os._exit(BROKEN)

    def _tell(self, message: BaseModel) -> None:
        try:
            self._control.send(message.model_dump_json().encode())
        except OSError:
            os._exit(0)  # the service is gone
