"""HTTP clients that discard what they receive, in a process of their own.

`python -m bench.load.http_clients PORT PATH COUNT` connects and receives at full speed.
For each line on its standard input it writes a line of JSON: the time, the bytes that each client
has received, and how many responses have ended.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Self

_BUFFER_BYTES = 4 << 20


@dataclass(frozen=True)
class Received:
    """How much each client had received at a moment."""

    at_seconds: float
    client_bytes: list[int]
    ended: int

    @property
    def total_bytes(self) -> int:
        return sum(self.client_bytes)


class HttpClients:
    """So many clients of one address, in a process of their own."""

    def __init__(self, port: int, path: str, count: int) -> None:
        command = [sys.executable, "-m", "bench.load.http_clients", str(port), path, str(count)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def received(self) -> Received:
        """Ask the process what its clients have received so far; blocks until it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Received(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def receive(port: int, path: str, count: int) -> None:
    selector = selectors.DefaultSelector()
    client_bytes, ended = [0] * count, 0
    for i in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ, i)
    selector.register(sys.stdin, selectors.EVENT_READ)
    nothing = bytearray(_BUFFER_BYTES)
    while True:
        for key, _ in selector.select():
            if not isinstance(key.fileobj, socket.socket):
                if not sys.stdin.readline():
                    return
                seen = Received(time.monotonic(), client_bytes, ended)
                sys.stdout.write(json.dumps(asdict(seen)) + "\n")
                sys.stdout.flush()
            # The kernel counts and discards: nothing is copied out.
            elif got := key.fileobj.recv_into(nothing, _BUFFER_BYTES, socket.MSG_TRUNC):
                client_bytes[key.data] += got
            else:
                selector.unregister(key.fileobj)
                ended += 1


if __name__ == "__main__":
    receive(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
