"""How clients behave under soak: well, or leaving while they upload or wait, or sending slowly."""

import collections
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import httpx

from benchmarks.harness.load import FORM, FORM_END, FORM_HEAD

from .soak_server import REQUEST_SECONDS, Server

LEFT = 0  # noted in place of a status for a client that left before the answer
PIECES = 5  # of an upload that comes slowly
MOMENT = 0.1  # seconds, at most: a pause between pieces, or the time until a client leaves

Statuses = collections.Counter[int]
Send = Callable[[Server, bytes, random.Random], int]


def post(server: Server, content: bytes) -> int:
    """Send a whole file and wait for the answer; its status."""
    return httpx.post(f"{server.url}/classify", files={"file": content}, timeout=REQUEST_SECONDS).status_code


def whole(server: Server, content: bytes, chance: random.Random) -> int:
    """Send all of it and wait."""
    return post(server, content)


@contextmanager
def raw(server: Server, length: int) -> Iterator[socket.socket]:
    """A connection with the head of an upload sent, `length` bytes of file to follow."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=REQUEST_SECONDS) as connection:
        size = len(FORM_HEAD) + length + len(FORM_END)
        headers = {"Host": "x", **FORM, "Content-Length": size, "Connection": "close"}
        lines = ["POST /classify HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode() + FORM_HEAD)
        yield connection


def leave_uploading(server: Server, content: bytes, chance: random.Random) -> int:
    """Send a part of it and leave."""
    with raw(server, len(content)) as connection:
        connection.sendall(content[: chance.randrange(len(content) + 1)])
    return LEFT


def leave_waiting(server: Server, content: bytes, chance: random.Random) -> int:
    """Send all of it and leave before the answer, most likely."""
    with raw(server, len(content)) as connection:
        connection.sendall(content + FORM_END)
        time.sleep(chance.random() * MOMENT)
    return LEFT


def dribble(server: Server, content: bytes, chance: random.Random) -> int:
    """Send it slowly, in pieces, and wait for the status."""
    piece = max(1, len(content) // PIECES)
    with raw(server, len(content)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before its end
            for start in range(0, len(content), piece):
                connection.sendall(content[start : start + piece])
                time.sleep(chance.random() * MOMENT)
            connection.sendall(FORM_END)
        with suppress(ConnectionResetError):
            answer = connection.recv(100)
            return int(answer.split()[1]) if answer else LEFT
    return LEFT


WAYS: tuple[Send, ...] = (whole, whole, whole, whole, whole, leave_uploading, leave_waiting, dribble)


def mixed(server: Server, files: Sequence[bytes], count: int, clients: int) -> Statuses:
    """`count` requests from `clients` threads, each with a random mix of its own; how often each status came."""
    statuses: Statuses = collections.Counter()
    lock, numbers = threading.Lock(), iter(range(count))

    def client(seed: int) -> None:
        chance = random.Random(seed)
        while True:
            with lock:
                if next(numbers, None) is None:
                    return
            status = chance.choice(WAYS)(server, chance.choice(files), chance)
            with lock:
                statuses[status] += 1

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
