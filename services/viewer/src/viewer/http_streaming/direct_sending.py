"""Sends streaming responses directly to the socket, past gunicorn. Only this module does it.

**What is bypassed.** gunicorn gives an application `write`, which joins each piece of a body with
its chunk's head and tail, and sends that with `sendall` in the thread of the request. Here the
worker gives gunicorn a `ResponseSocket` in place of the client's socket. A short response is
collected in it, and the gate (web/connection_gate) sends it. A stream's headers still go through
gunicorn; its frames go from where they lie in memory to the socket by one `sendmsg`, either by the
request's thread (`Connection.send`) or, at the live edge, by one thread for all clients
(playback/live_frame_sender). gunicorn then only closes the body.

**Why.** Pictures are large: to copy one twice takes longer than to send it. And a hundred clients
of a live stream were a hundred threads, each woken for each frame.

**What it saves.** CPU a frame, with 100 watchers of a live stream on two busy cores: 93 µs with a
thread for each, 25 to 28 µs with one for all, beside 20 to 25 µs of a bare `send`; for MJPEG 116
and 32 to 36 µs (docs/decisions/0013; docs/performance.md has the latest ratios). With 1,500 clients
that stall or drip, the median of `/healthz` is 4 to 9 ms; while gunicorn's threads waited for
clients, it did not answer at all (docs/decisions/0018).

**What it costs.** This module must write chunks, bound how long a client may read nothing, and make
a broken response visible, as gunicorn would.

**Threads.** A response is written by one thread at a time: first its request's, which may hand the
socket to the live edge's and get it back. `send_all` blocks until the client has accepted all or
has stalled for too long; `send_some` never blocks.
"""

import errno
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Self

from flask import Response, request

from viewer.http_streaming.stalled_clients import StalledClients

Pieces = Sequence[bytes | memoryview]

# The kernel accepts no more pieces at once.
_MOST_PIECES = 512
_SOON_MS = 50


class ResponseSocket:
    """What gunicorn writes a response to, in place of the client's socket.

    It collects a short response, so that no thread waits for a client; the gate sends it. After
    `stream_directly` it sends what is written at once, and the writing thread waits.
    """

    def __init__(
        self, sock: socket.socket, stall_seconds: float, stalled_clients: StalledClients
    ) -> None:
        """Write to a socket; disconnect a client that accepts no byte of a stream for this long."""
        self.sock = sock
        self.stall_seconds = stall_seconds
        self.stalled_clients = stalled_clients
        self.is_broken = False
        """Whether the response broke off: nothing may follow it."""
        self._is_direct = False
        self._collected: list[bytes | memoryview] = []

    def stream_directly(self) -> None:
        """Send at once from now on."""
        self._is_direct = True

    def sendall(self, data: bytes) -> None:
        """Collect a piece or send it. Raises BlockingIOError if the client accepts nothing."""
        if not self._is_direct:
            self._collected.append(data)
        else:
            send_all(
                self.sock, (*self.take_collected(), data), self.stall_seconds, self.stalled_clients
            )

    send = sendall

    def take_collected(self) -> Pieces:
        """Return the collected pieces and clear them."""
        collected, self._collected = self._collected, []
        return collected

    def gettimeout(self) -> float:
        """Return 0: it never waits. gunicorn asks before it writes an error."""
        return 0.0

    def shutdown(self, _how: int) -> None:
        """Break off the response: gunicorn found an error too late."""
        raise OSError(errno.ENOTCONN, "the connection is closed elsewhere")

    def close(self) -> None:
        """Have the gate close the connection."""
        self.is_broken = True


class BrokenOffError(ConnectionResetError):
    """A body can't be completed: the connection must end so that the client notices."""

    def __init__(self, sentence: str) -> None:
        # gunicorn treats it as a lost connection and closes it.
        super().__init__(errno.ECONNRESET, sentence)


@dataclass(frozen=True, slots=True)
class Connection:
    """The socket that a streaming body is sent to, once gunicorn has sent the headers."""

    sock: socket.socket
    is_chunked: bool
    ends_by_closing: bool
    """Whether only the connection's end marks the end of the body."""
    stall_seconds: float
    """How long the client may accept nothing."""
    stalled_clients: StalledClients

    @classmethod
    def of(cls, environ: Mapping[str, Any], length: int | None = None) -> Self | None:
        """Return a request's connection, for a body of this length; None under another server."""
        response_socket: ResponseSocket | None = environ.get("gunicorn.socket")
        if response_socket is None:
            return None
        # As gunicorn does: HTTP 1.0 knows no chunks.
        is_old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        return cls(
            response_socket.sock,
            is_chunked=length is None and not is_old,
            ends_by_closing=length is None and is_old,
            stall_seconds=response_socket.stall_seconds,
            stalled_clients=response_socket.stalled_clients,
        )

    def send(self, pieces: Pieces) -> None:
        """Send pieces of the body; blocks. When the socket raises, nothing more may be sent."""
        whole = chunk(pieces) if self.is_chunked else pieces
        send_all(self.sock, whole, self.stall_seconds, self.stalled_clients)

    def break_off(self) -> None:
        """Show the client that a body is incomplete, if a normal end would not show it."""
        if self.ends_by_closing:
            # With this option, the close that gunicorn does next resets the connection.
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def streaming_response(
    make_body: Callable[[Connection | None], Iterator[bytes]],
    *,
    content_type: str,
    on_close: Callable[[], None],
    length: int | None = None,
) -> Response:
    """Answer the current request with a body that is sent while it is produced.

    `make_body` gets the connection to send by; it is None where the server is not ours, as in
    tests, and then the body yields everything. A body that raises BrokenOffError ends the
    connection, so that the client sees that something is missing. `on_close` is called when the
    response has ended, in whatever way.

    The request's thread waits for its client from now on: bound how many such responses are open
    (http_streaming/open_streams).
    """
    connection = Connection.of(request.environ, length)
    if connection is not None:
        request.environ["gunicorn.socket"].stream_directly()
    response = Response(_breaking(make_body(connection), connection), content_type=content_type)
    response.call_on_close(on_close)
    if length is not None:
        response.content_length = length
    return response


def _breaking(body: Iterator[bytes], connection: Connection | None) -> Iterator[bytes]:
    """Yield a body; show the client if it can't be completed."""
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
    stalled_clients: StalledClients | None = None,
) -> None:
    """Send pieces, waiting for the socket as often as needed.

    Blocks. Raises BlockingIOError if the socket accepts nothing for `stall_seconds`. Until then it
    is registered with `stalled_clients`, so that another request may end it to make room.
    """
    pieces = send_some(sock, pieces)
    if not pieces:
        return
    room = select.poll()
    room.register(sock, select.POLLOUT)
    while pieces:
        before = pieces
        # Most clients accept more soon, which saves the cost of registering a stall.
        if room.poll(_SOON_MS):
            pieces = send_some(sock, pieces)
        if pieces is before:
            pieces = _send_to_stalled_client(sock, pieces, room, stall_seconds, stalled_clients)


def _send_to_stalled_client(
    sock: socket.socket,
    pieces: Pieces,
    room: select.poll,
    stall_seconds: float,
    stalled_clients: StalledClients | None,
) -> Pieces:
    """Wait until a socket accepts something; return the rest. Raises BlockingIOError."""
    before = pieces
    give_up_at = time.monotonic() + stall_seconds - _SOON_MS / 1000
    with stalled_clients.waiting_for(sock) if stalled_clients else nullcontext():
        while pieces is before:
            left_seconds = give_up_at - time.monotonic()
            # Try even after the timeout: this process may have been paused.
            if room.poll(max(left_seconds, 0) * 1000):
                pieces = send_some(sock, pieces)
            if left_seconds <= 0 and pieces is before:
                raise BlockingIOError(errno.EAGAIN, "stalled")
    return pieces


def send_some(sock: socket.socket, pieces: Pieces) -> Pieces:
    """Send what a socket accepts without waiting; return the rest, the same if that was nothing."""
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
