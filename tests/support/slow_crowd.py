"""Clients that hold connections: half a head, an upload of a byte now and then, nothing after an answer."""

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

PAUSE_SECONDS = 5.0  # between a client's bytes
PATIENCE_SECONDS = 90.0  # a connection that is open for longer is given up
BYTE = b"x"

HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
DRIP = (
    b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 1000000\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
)
IDLE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
KINDS = {"half head": HALF_HEAD, "drip": DRIP, "idle": IDLE}


@dataclass(frozen=True)
class Visit:
    """One connection of such a client."""

    kind: str
    seconds: float  # from its opening to its end, by the server
    answer: bytes


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        writer.write(BYTE)


async def _visit(port: int, kind: str) -> Visit:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    opened = time.monotonic()
    writer.write(KINDS[kind])
    dripping = asyncio.create_task(_drip(writer)) if kind != "idle" else None
    answer = b""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while more := await reader.read(65536):
                answer += more
    if dripping is not None:
        dripping.cancel()
    writer.close()
    return Visit(kind, time.monotonic() - opened, answer)


class SlowCrowd(threading.Thread):
    """`count` clients, of all kinds, that come back when they are thrown out, for `seconds`; `visits` is what they saw.

    It ends when the last of their connections does.
    """

    def __init__(self, port: int, count: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.visits: list[Visit] = []
        self._port = port
        self._count = count
        self._seconds = seconds

    def run(self) -> None:
        asyncio.run(self._come())

    async def _come(self) -> None:
        until = time.monotonic() + self._seconds
        kinds = list(KINDS)
        clients = (self._client(kinds[number % len(kinds)], until) for number in range(self._count))
        await asyncio.gather(*clients)

    async def _client(self, kind: str, until: float) -> None:
        while time.monotonic() < until:
            with suppress(ConnectionError):
                self.visits.append(await _visit(self._port, kind))

    def longest(self) -> dict[str, float]:
        """The seconds of the longest visit of each kind."""
        return {kind: max((each.seconds for each in self.visits if each.kind == kind), default=0.0) for kind in KINDS}
