"""Writes a streaming response's body to the client from where it lies in memory.

The server would join each piece with what goes before and after it, and a picture is large: copied
twice, it takes longer than to be sent.
"""

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import ECONNRESET
from typing import Any, Self

Pieces = Sequence[bytes | memoryview]


class BrokenOffError(ConnectionResetError):
    """The rest of a body can't be had: the connection must end so that the client sees it."""

    def __init__(self, sentence: str) -> None:
        # The server takes it for a connection that is lost, and ends it as such.
        super().__init__(ECONNRESET, sentence)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a response's body goes, once its headers have been sent."""

    sock: socket.socket
    is_chunked: bool
    ends_by_closing: bool
    """Whether nothing but the connection's end tells the client where the body ends."""

    @classmethod
    def of(cls, environ: Mapping[str, Any], length: int | None = None) -> Self | None:
        """Return a request's, for a body of this length; None where the server has no socket."""
        sock = environ.get("gunicorn.socket")
        if sock is None:
            return None
        # As the server does: HTTP 1.0 knows no chunks.
        is_old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        return cls(sock, length is None and not is_old, length is None and is_old)

    def send(self, pieces: Pieces) -> None:
        """Send pieces of the body. When the socket raises, nothing more may be sent."""
        send_all(self.sock, chunk(pieces) if self.is_chunked else pieces)

    def break_off(self) -> None:
        """Let the client see that a body is not whole, where just ending would not show it."""
        if self.ends_by_closing:
            # Closed with nothing to linger for, a connection is reset.
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()


def breaking(body: Iterator[bytes], connection: Connection | None) -> Iterator[bytes]:
    """Yield a body; where it can't be completed, let the client see that."""
    try:
        yield from body
    except BrokenOffError:
        if connection is not None:
            connection.break_off()
        raise


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
