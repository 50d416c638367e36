"""Writes responses to clients: short ones so that nobody waits for who reads, streams as they come.

A stream's body goes to the client from where it lies in memory. The server would join each piece
with what goes before and after it, and a picture is large: copied twice, it takes longer than to be
sent.
"""

import errno
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Self

from viewer.delivery.slow_clients import SlowClients

Pieces = Sequence[bytes | memoryview]

# More pieces than this the kernel doesn't take at once.
_MOST_PIECES = 512
_SOON_MS = 50


class Outlet:
    """Stands for a connection's socket while a response is written.

    What is written is collected, to be sent when the response is whole, so that no thread waits
    for a client. A response that is a stream is sent as it comes instead, once `pass_on` was
    called, and its thread waits.
    """

    def __init__(
        self, sock: socket.socket, stall_seconds: float, slow_clients: SlowClients
    ) -> None:
        """Write to a socket; a client that takes nothing of a stream for so long is given up."""
        self.sock = sock
        self.stall_seconds = stall_seconds
        self.slow_clients = slow_clients
        self.is_broken = False
        """Whether the response broke off: nothing may follow it."""
        self._is_passing = False
        self._collected: list[bytes | memoryview] = []

    def pass_on(self) -> None:
        """Send from now on as it comes."""
        self._is_passing = True

    def sendall(self, data: bytes) -> None:
        """Collect a piece or send it. Raises BlockingIOError when a client takes nothing."""
        if not self._is_passing:
            self._collected.append(data)
        else:
            send_all(self.sock, (*self.take(), data), self.stall_seconds, self.slow_clients)

    send = sendall

    def take(self) -> Pieces:
        """Give away what was collected."""
        taken, self._collected = self._collected, []
        return taken

    def gettimeout(self) -> float:
        """Say that it never waits, as the server asks before it writes an error."""
        return 0.0

    def shutdown(self, _how: int) -> None:
        """Break off: the server found out too late that something is wrong."""
        raise OSError(errno.ENOTCONN, "the connection is closed elsewhere")

    def close(self) -> None:
        """Have the connection closed."""
        self.is_broken = True


def pass_on(environ: Mapping[str, Any]) -> None:
    """Have a response be sent as it comes, where it would be collected.

    A thread waits for its client then: of such responses no more than allowed may be open.
    """
    outlet = environ.get("gunicorn.socket")
    if outlet is not None:
        outlet.pass_on()


class BrokenOffError(ConnectionResetError):
    """The rest of a body can't be had: the connection must end so that the client sees it."""

    def __init__(self, sentence: str) -> None:
        # The server takes it for a connection that is lost, and ends it as such.
        super().__init__(errno.ECONNRESET, sentence)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a response's body goes, once its headers have been sent."""

    sock: socket.socket
    is_chunked: bool
    ends_by_closing: bool
    """Whether nothing but the connection's end tells the client where the body ends."""
    stall_seconds: float
    """How long it may take nothing."""
    slow_clients: SlowClients

    @classmethod
    def of(cls, environ: Mapping[str, Any], length: int | None = None) -> Self | None:
        """Return a request's, for a body of this length; None where the server has no socket."""
        outlet = environ.get("gunicorn.socket")
        if outlet is None:
            return None
        # As the server does: HTTP 1.0 knows no chunks.
        is_old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        no_length = length is None
        return cls(
            outlet.sock,
            no_length and not is_old,
            no_length and is_old,
            outlet.stall_seconds,
            outlet.slow_clients,
        )

    def send(self, pieces: Pieces) -> None:
        """Send pieces of the body. When the socket raises, nothing more may be sent."""
        whole = chunk(pieces) if self.is_chunked else pieces
        send_all(self.sock, whole, self.stall_seconds, self.slow_clients)

    def break_off(self) -> None:
        """Let the client see that a body is not whole, where just ending would not show it."""
        if self.ends_by_closing:
            # Closed with nothing to linger for, as the server does next, a connection is reset.
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


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


def send_all(
    sock: socket.socket,
    pieces: Pieces,
    stall_seconds: float,
    slow_clients: SlowClients | None = None,
) -> None:
    """Send pieces, waiting for the socket as often as need be.

    Raises BlockingIOError when it takes nothing for so long, and `slow_clients` knows meanwhile.
    """
    pieces = send_some(sock, pieces)
    if not pieces:
        return
    room = select.poll()
    room.register(sock, select.POLLOUT)
    while pieces:
        before = pieces
        # Most clients take more at once: what it costs to watch for stalls is spared then.
        if room.poll(_SOON_MS):
            pieces = send_some(sock, pieces)
        if pieces is before:
            pieces = _send_to_who_stalls(sock, pieces, room, stall_seconds, slow_clients)


def _send_to_who_stalls(
    sock: socket.socket,
    pieces: Pieces,
    room: select.poll,
    stall_seconds: float,
    slow_clients: SlowClients | None,
) -> Pieces:
    """Wait until a socket takes something, and return what is left. Raises BlockingIOError."""
    before = pieces
    give_up_at = time.monotonic() + stall_seconds - _SOON_MS / 1000
    with slow_clients.waiting_for(sock) if slow_clients else nullcontext():
        while pieces is before:
            left_seconds = give_up_at - time.monotonic()
            # It is looked at even when its time is over: this process may have stood still.
            if room.poll(max(left_seconds, 0) * 1000):
                pieces = send_some(sock, pieces)
            if left_seconds <= 0 and pieces is before:
                raise BlockingIOError(errno.EAGAIN, "stalled")
    return pieces


def send_some(sock: socket.socket, pieces: Pieces) -> Pieces:
    """Send what a socket takes at once; return what is left, the same where it takes nothing."""
    while pieces:
        try:
            sent = sock.sendmsg(pieces[:_MOST_PIECES], (), socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        pieces = rest_after(pieces, sent)
    return pieces


def rest_after(pieces: Pieces, sent: int) -> Pieces:
    """Return what is left of pieces of which so many bytes have been sent."""
    for i, piece in enumerate(pieces):
        if sent < len(piece):
            return (memoryview(piece)[sent:], *pieces[i + 1 :])
        sent -= len(piece)
    return ()
