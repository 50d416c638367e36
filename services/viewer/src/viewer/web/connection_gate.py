"""The gate: holds all connections, and passes a request on only once it is complete.

One thread reads requests, sends the rest of short answers and closes connections. It never waits
for a client. So a client can occupy a thread only with a stream, and streams are counted. All
other clients only hold a connection; when there are too many, the oldest is closed.
"""

import errno
import logging
import queue
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from viewer.http_streaming.direct_sending import Pieces, send_some
from viewer.web.client_connections import After, ClientConnection, ClientConnections, Phase
from viewer.web.request_boundary import RefusedError, RequestBoundary

logger = logging.getLogger(__name__)

# The most unsent bytes of a live stream in the kernel: frames that wait there become late.
_UNSENT_BYTES = 64 << 10
_READ_BYTES = 16 << 10
_ACCEPTED_AT_ONCE = 64
_MOST_LINGERED_BYTES = 256 << 10
_GO_AHEAD = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {
    400: "Bad Request", 408: "Request Timeout", 413: "Content Too Large",
    431: "Request Header Fields Too Large", 503: "Service Unavailable",
}  # fmt: skip
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True)
class Limits:
    """How much the gate holds, and for how long."""

    connections: int
    """The most connections at a time; more than can be served at once."""
    unsent_bytes: int = 256 << 20
    """The most bytes of responses in memory that clients have not read."""
    request_seconds: float = 10.0
    """From a request's first byte, or a connection's start, to the request's last byte."""
    idle_seconds: float = 30.0
    """From an answer to the next request's first byte."""
    stall_seconds: float = 10.0
    """How long a client may read nothing of its response."""
    linger_seconds: float = 2.0
    """How long a client may continue to send after a response that ends its connection."""


class Drop(Enum):
    """Why a connection was closed early; the value is a metric's label."""

    SLOW = "slow"
    SHED = "shed"
    STALLED = "stalled"


class Gate:
    """All connections, in one event loop.

    One thread, gunicorn's main thread in the worker, calls everything but `on_answered`, which any
    thread may call. No method blocks, but for `run_once`, which waits for events.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        serve: Callable[[ClientConnection, bytes, bytes], bool],
        on_dropped: Callable[[ClientConnection, Drop], None],
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Accept connections of these listeners.

        The gate calls `serve` with each whole request and its target. `serve` must not block. It
        returns False when the server is too busy; otherwise some thread makes the answer and then
        calls `on_answered`. The gate calls `on_dropped` for each connection that it closes because
        of its client. `now` gives seconds.
        """
        self._listeners = listeners
        self._serve = serve
        self._on_dropped = on_dropped
        self._limits = limits
        self._now = now
        self._selector = selectors.DefaultSelector()
        self._connections = ClientConnections()
        self._unsent_bytes = 0
        self._answered: queue.SimpleQueue[tuple[ClientConnection, Pieces, After]] = (
            queue.SimpleQueue()
        )
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._is_accepting = False
        self._next_check = 0.0

    def __len__(self) -> int:
        """How many connections are held."""
        return len(self._connections)

    def open(self) -> None:
        """Start to accept connections."""
        self._is_accepting = True
        for listener in self._listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, listener)

    def shut(self) -> None:
        """Stop accepting connections."""
        if self._is_accepting:
            self._is_accepting = False
            for listener in self._listeners:
                self._selector.unregister(listener)

    def close(self) -> None:
        """Close all connections, also those that threads are answering."""
        for connection in self._connections:
            if connection.phase is Phase.SERVED:
                # Wakes the thread that waits for its client. The process's end closes it.
                _shut_down(connection.sock, socket.SHUT_RDWR)
            else:
                self._end(connection)
        self._selector.close()
        for end in (self._wake_reader, self._wake_writer):
            end.close()

    def on_answered(self, connection: ClientConnection, rest: Pieces, after: After) -> None:
        """Return a connection with the unsent rest of its response. Any thread may call."""
        self._answered.put((connection, rest, after))
        # When the socket is full, the gate has been woken already.
        with suppress(OSError):
            self._wake_writer.send(b"!")

    def run_once(self, timeout_seconds: float) -> None:
        """Handle the pending events; wait for one for `timeout_seconds` at most."""
        self._handle_events(timeout_seconds)
        if self._now() >= self._next_check:
            # After a pause of this process, events that came in time are handled first.
            self._handle_events(0)
            now = self._now()
            self._next_check = now + 0.25
            self._end_overdue(now)

    def _handle_events(self, timeout_seconds: float) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if key.data is None:
                self._take_answers()
            elif not isinstance(key.data, ClientConnection):
                self._accept(key.data)
            elif key.data.watched_events:
                self._end_on_error(key.data, self._advance)

    def _end_on_error(
        self, connection: ClientConnection, act: Callable[..., None], *args: object
    ) -> None:
        """Act on a connection; an error ends that connection only, not the gate."""
        try:
            act(connection, *args)
        except OSError:
            self._end(connection)
        except Exception:
            logger.exception("event=connection_failed peer=%s", connection.client[0])
            self._end(connection)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM and not self._shed():
                    logger.warning("event=connection_refused reason=%r", str(error))
                    return
                continue
            connection = ClientConnection(sock, client[:2], listener.getsockname()[:2])
            connection.deadline = self._now() + self._limits.request_seconds
            self._connections.add(connection)
            self._end_on_error(connection, self._set_up)
            while len(self) > self._limits.connections and self._shed():
                pass

    def _set_up(self, connection: ClientConnection) -> None:
        connection.sock.setblocking(False)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        # Most clients send a request at once.
        self._read(connection)

    def _advance(self, connection: ClientConnection) -> None:
        if connection.phase is Phase.WAITING:
            self._read(connection)
        elif connection.phase is Phase.FLUSHING:
            self._flush(connection)
        elif connection.phase is Phase.LINGERING:
            data = connection.sock.recv(_READ_BYTES)
            connection.lingered_bytes += len(data)
            if not data or connection.lingered_bytes > _MOST_LINGERED_BYTES:
                self._end(connection)

    def _read(self, connection: ClientConnection) -> None:
        try:
            data = connection.sock.recv(_READ_BYTES)
        except BlockingIOError:
            self._watch(connection, selectors.EVENT_READ)
            return
        if not data:
            self._end(connection)
            return
        if not connection.received:
            connection.deadline = self._now() + self._limits.request_seconds
        connection.received += data
        self._try_to_serve(connection)

    def _try_to_serve(self, connection: ClientConnection) -> None:
        """Pass a request on to be served once it is complete."""
        try:
            received_so_far = connection.boundary.find_end(connection.received)
        except RefusedError as refused:
            self._refuse(connection, refused.status, str(refused))
            return
        if received_so_far.end is None:
            if received_so_far.expects_go_ahead and not connection.was_told_to_go_ahead:
                connection.was_told_to_go_ahead = True
                connection.sock.send(_GO_AHEAD)
            self._watch(connection, selectors.EVENT_READ)
            return
        request = bytes(connection.received[: received_so_far.end])
        del connection.received[: received_so_far.end]
        connection.boundary = RequestBoundary()
        connection.was_told_to_go_ahead = False
        connection.path = received_so_far.target.partition(b"?")[0].decode("latin-1")
        self._enter_phase(connection, Phase.SERVED)
        if not self._serve(connection, request, received_so_far.target):
            self._answer(connection, BUSY, After.END)

    def _refuse(self, connection: ClientConnection, status: int, sentence: str) -> None:
        self._answer(connection, _refusal(status, sentence), After.END)

    def _take_answers(self) -> None:
        with suppress(BlockingIOError):
            self._wake_reader.recv(4096)
        while not self._answered.empty():
            connection, rest, after = self._answered.get()
            self._end_on_error(connection, self._answer, rest, after)

    def _answer(self, connection: ClientConnection, rest: Pieces, after: After) -> None:
        if after is After.BREAK:
            self._end(connection)
            return
        connection.rest, connection.rest_bytes, connection.after = rest, sum(map(len, rest)), after
        self._unsent_bytes += connection.rest_bytes
        connection.deadline = self._now() + self._limits.stall_seconds
        self._enter_phase(connection, Phase.FLUSHING)
        self._flush(connection)
        while self._unsent_bytes > self._limits.unsent_bytes and self._shed_oldest(Phase.FLUSHING):
            pass

    def _flush(self, connection: ClientConnection) -> None:
        before = connection.rest_bytes
        connection.rest = send_some(connection.sock, connection.rest)
        connection.rest_bytes = sum(map(len, connection.rest))
        self._unsent_bytes -= before - connection.rest_bytes
        if connection.rest:
            if connection.rest_bytes < before:
                connection.deadline = self._now() + self._limits.stall_seconds
                self._connections.note_progress(connection)
            self._watch(connection, selectors.EVENT_WRITE)
        elif connection.after is After.ANOTHER:
            self._enter_phase(connection, Phase.WAITING)
            seconds = (
                self._limits.request_seconds if connection.received else self._limits.idle_seconds
            )
            connection.deadline = self._now() + seconds
            if connection.received:
                self._try_to_serve(connection)
            else:
                self._watch(connection, selectors.EVENT_READ)
        else:
            # Do not close yet: while the client still sends, a close would lose the response.
            _shut_down(connection.sock, socket.SHUT_WR)
            self._enter_phase(connection, Phase.LINGERING)
            connection.deadline = self._now() + self._limits.linger_seconds
            self._watch(connection, selectors.EVENT_READ)

    def _end_overdue(self, now: float) -> None:
        for phase in (Phase.WAITING, Phase.FLUSHING, Phase.LINGERING):
            for connection in self._connections.overdue(phase, now):
                if phase is Phase.FLUSHING:
                    self._drop(connection, Drop.STALLED)
                elif phase is Phase.WAITING and connection.received:
                    self._on_dropped(connection, Drop.SLOW)
                    late = f"A request has {self._limits.request_seconds:g} s to arrive completely."
                    connection.received.clear()
                    connection.boundary = RequestBoundary()
                    self._end_on_error(connection, self._refuse, 408, late)
                else:
                    self._end(connection)

    def _shed(self) -> bool:
        """Close the oldest connection of the least useful phase; False if all are served."""
        order = (Phase.LINGERING, Phase.WAITING, Phase.FLUSHING)
        return any(self._shed_oldest(phase) for phase in order)

    def _shed_oldest(self, phase: Phase) -> bool:
        """Close the oldest connection of a phase, if there is one."""
        oldest = self._connections.oldest(phase)
        if oldest is not None:
            self._drop(oldest, Drop.SHED)
        return oldest is not None

    def _drop(self, connection: ClientConnection, why: Drop) -> None:
        self._on_dropped(connection, why)
        self._end(connection)

    def _enter_phase(self, connection: ClientConnection, phase: Phase) -> None:
        self._connections.enter(connection, phase)
        if phase is Phase.SERVED:
            self._watch(connection, 0)

    def _watch(self, connection: ClientConnection, events: int) -> None:
        if events == connection.watched_events:
            return
        if not events:
            self._selector.unregister(connection.sock)
        elif connection.watched_events:
            self._selector.modify(connection.sock, events, connection)
        else:
            self._selector.register(connection.sock, events, connection)
        connection.watched_events = events

    def _end(self, connection: ClientConnection) -> None:
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._unsent_bytes -= connection.rest_bytes
        connection.rest, connection.rest_bytes = (), 0
        try:
            self._watch(connection, 0)
        finally:
            connection.sock.close()


def _refusal(status: int, sentence: str) -> Pieces:
    body = b'{"error":"%b"}\n' % sentence.encode()
    retry = "Retry-After: 2\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nConnection: close\r\n{retry}"
        "Cache-Control: no-store\r\nContent-Type: application/json\r\n"
        f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


BUSY = _refusal(503, "The viewer is busy with too many requests; try again.")
"""The response when no thread is free; the connection ends after it."""


def _shut_down(sock: socket.socket, how: int) -> None:
    # The client may have gone already.
    with suppress(OSError):
        sock.shutdown(how)
