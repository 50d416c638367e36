"""Writes a streaming response's body to the client from where it lies in memory.

The server would join each piece with what goes before and after it, and a picture is large: copied
twice, it takes longer than to be sent.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Pieces = Sequence[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a response's body without length goes, once its headers have been sent."""

    sock: socket.socket
    is_chunked: bool

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Self | None:
        """Return a request's; None where the server has no socket."""
        sock = environ.get("gunicorn.socket")
        # As the server does: HTTP 1.0 knows no chunks.
        return None if sock is None else cls(sock, environ["SERVER_PROTOCOL"] != "HTTP/1.0")

    def send(self, pieces: Pieces) -> None:
        """Send pieces of the body. When the socket raises, nothing more may be sent."""
        send_all(self.sock, chunk(pieces) if self.is_chunked else pieces)


def chunk(pieces: Pieces) -> Pieces:
    """Make one chunk of a body."""
    return (b"%X\r\n" % sum(map(len, pieces)), *pieces, b"\r\n")


def send_all(sock: socket.socket, pieces: Pieces) -> None:
    """Send pieces, waiting for the socket as often as need be."""
    while pieces:
        pieces = rest_after(pieces, sock.sendmsg(pieces))


def rest_after(pieces: Pieces, sent: int) -> Pieces:
    """Return what is left of pieces of which so many bytes have been sent."""
    for i, piece in enumerate(pieces):
        if sent < len(piece):
            return (memoryview(piece)[sent:], *pieces[i + 1 :])
        sent -= len(piece)
    return ()
