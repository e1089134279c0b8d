"""A stretch of network that can be cut."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

SIZE = 1 << 16


class Relay:
    """Passes connections on to a port while the block lasts, until it is cut and after it is mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._cut = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        # Closing alone does not wake a thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._thread, *self._threads):
            thread.join(10)
            assert not thread.is_alive()

    def cut(self) -> None:
        """Close what is open, and what comes."""
        with self._lock:
            self._cut = True
            for connection in self._connections:
                _shut(connection)
            self._connections.clear()

    def mend(self, port: int | None = None) -> None:
        """Pass on again what comes, perhaps to another port."""
        with self._lock:
            self._target = port or self._target
            self._cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._cut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._connections += [client, server]
            thread = threading.Thread(target=_join, args=(client, server))
            thread.start()
            self._threads.append(thread)


def _join(client: socket.socket, server: socket.socket) -> None:
    with client, server:
        back = threading.Thread(target=_pass_on, args=(server, client))
        back.start()
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # it is cut
        while received := source.recv(SIZE):
            target.sendall(received)
    _shut(target)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        connection.shutdown(socket.SHUT_RDWR)
