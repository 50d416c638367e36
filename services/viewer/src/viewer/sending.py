"""Writes a streaming response's body to the client from where it lies in memory.

The server would join each piece with what goes before and after it, and a picture is large: copied
twice, it takes longer than to be sent.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Pieces = Sequence[bytes]


def sender(environ: Mapping[str, Any]) -> Callable[[Pieces], None] | None:
    """Return what sends pieces of a body without length, after the headers; None without a socket.

    It raises as the socket does, and then nothing more may be sent.
    """
    sock: socket.socket | None = environ.get("gunicorn.socket")
    if sock is None:
        return None
    # As the server does: HTTP 1.0 knows no chunks.
    is_chunked = environ["SERVER_PROTOCOL"] != "HTTP/1.0"

    def send(pieces: Pieces) -> None:
        if is_chunked:
            pieces = (b"%X\r\n" % sum(map(len, pieces)), *pieces, b"\r\n")
        _send_all(sock, pieces)

    return send


def _send_all(sock: socket.socket, pieces: Pieces) -> None:
    left = sum(map(len, pieces))
    rest: list[bytes | memoryview] = list(pieces)
    while sent := sock.sendmsg(rest):
        left -= sent
        if not left:
            return
        while sent >= len(rest[0]):
            sent -= len(rest.pop(0))
        rest[0] = memoryview(rest[0])[sent:]
