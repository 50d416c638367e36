"""The gate: holds all connections, and lets a request in only once it has come whole.

One thread reads requests, sends what is left of short answers and closes, and never waits for a
client. So no client takes a thread but by a stream, which are counted; it may only hold a
connection, and of those the oldest are closed when there are too many.
"""

import errno
import logging
import queue
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from viewer.delivery.response_writer import Pieces, send_some
from viewer.web.request_boundary import Arriving, RefusedError

logger = logging.getLogger(__name__)

# How much of a live stream may wait unsent in the kernel: what is there already is old.
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
    """What the gate bears."""

    connections: int
    """Those held at a time; at least one more than can be served."""
    unsent_bytes: int = 256 << 20
    """What may wait in memory for clients to read it."""
    request_seconds: float = 10.0
    """From a request's first byte, or a connection's begin, to its last."""
    idle_seconds: float = 30.0
    """From an answer to the next request's first byte."""
    stall_seconds: float = 10.0
    """How long a client may take nothing of its answer."""
    linger_seconds: float = 2.0
    """How long a client that was told that its connection ends may go on to send."""


class Drop(Enum):
    """Why a connection was closed before its time; the value is a metric's label."""

    SLOW = "slow"
    SHED = "shed"
    STALLED = "stalled"


class After(Enum):
    """What follows an answer."""

    ANOTHER = "another request may"
    END = "nothing"
    BREAK = "nothing, and the client must see that the answer is not whole"


class _Phase(Enum):
    WAITING = "waiting"
    SERVED = "served"
    FLUSHING = "flushing"
    LINGERING = "lingering"


@dataclass(eq=False, slots=True)
class Visit:
    """A connection."""

    sock: socket.socket
    client: tuple[str, int]
    server: tuple[str, int]
    received: bytearray = field(default_factory=bytearray)
    """What has come of requests that nobody serves yet."""
    arriving: Arriving = field(default_factory=Arriving)
    """How far the first of them has been looked through."""
    rest: Pieces = ()
    """What is left of an answer,"""
    rest_bytes: int = 0
    """and how much that is."""
    after: After = After.ANOTHER
    path: str = ""
    """What was asked for last."""
    phase: _Phase = _Phase.WAITING
    deadline: float = 0.0
    lingered_bytes: int = 0
    was_told_to_go_ahead: bool = False
    watched_for: int = 0


class Gate:
    """All connections. Everything is to be called by one thread, but for `served`."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        serve: Callable[[Visit, bytes, bytes], bool],
        dropped: Callable[[Visit, Drop], None],
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take connections of listeners.

        `serve` is given a whole request and its target, and returns at once: whether there is
        somebody to serve it, who says so by `served` when the answer is made. `dropped` hears of
        each connection that was closed for a fault of its client. `now` gives seconds.
        """
        self._listeners = listeners
        self._serve = serve
        self._dropped = dropped
        self._limits = limits
        self._now = now
        self._selector = selectors.DefaultSelector()
        # Each in the order in which it came to be so; of those that flush, by their last progress.
        self._visits: dict[_Phase, OrderedDict[Visit, None]] = {
            phase: OrderedDict() for phase in _Phase
        }
        self._unsent_bytes = 0
        self._answered: queue.SimpleQueue[tuple[Visit, Pieces, After]] = queue.SimpleQueue()
        self._bell, self._rope = socket.socketpair()
        for end in (self._bell, self._rope):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._is_accepting = False
        self._next_round = 0.0

    def __len__(self) -> int:
        """How many connections are held."""
        return sum(map(len, self._visits.values()))

    def open(self) -> None:
        """Begin to accept."""
        self._is_accepting = True
        for listener in self._listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, listener)

    def shut(self) -> None:
        """Accept no more."""
        if self._is_accepting:
            self._is_accepting = False
            for listener in self._listeners:
                self._selector.unregister(listener)

    def close(self) -> None:
        """Close all connections, also under those who serve them."""
        for visit in [visit for visits in self._visits.values() for visit in visits]:
            if visit.phase is _Phase.SERVED:
                # Wakes who waits for its client; it is closed by the process's end.
                _shut_down(visit.sock, socket.SHUT_RDWR)
            else:
                self._end(visit)
        self._selector.close()
        for end in (self._bell, self._rope):
            end.close()

    def served(self, visit: Visit, rest: Pieces, after: After) -> None:
        """Take a connection back, with what is left of the answer to send. Any thread may."""
        self._answered.put((visit, rest, after))
        # It may ring already, and then nobody need hear it.
        with suppress(OSError):
            self._rope.send(b"!")

    def turn(self, timeout_seconds: float) -> None:
        """Do what there is to do, or wait for it so long."""
        self._heed(timeout_seconds)
        if self._now() >= self._next_round:
            # If this process stood still, clients may have done in time what nobody saw.
            self._heed(0)
            now = self._now()
            self._next_round = now + 0.25
            self._end_late(now)

    def _heed(self, timeout_seconds: float) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if key.data is None:
                self._take_answers()
            elif not isinstance(key.data, Visit):
                self._accept(key.data)
            elif key.data.watched_for:
                self._guarded(key.data, self._advance)

    def _guarded(self, visit: Visit, act: Callable[..., None], *args: object) -> None:
        """Let no connection end the gate."""
        try:
            act(visit, *args)
        except OSError:
            self._end(visit)
        except Exception:
            logger.exception("event=connection_failed peer=%s", visit.client[0])
            self._end(visit)

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
            visit = Visit(sock, client[:2], listener.getsockname()[:2])
            visit.deadline = self._now() + self._limits.request_seconds
            self._visits[visit.phase][visit] = None
            self._guarded(visit, self._welcome)
            while len(self) > self._limits.connections and self._shed():
                pass

    def _welcome(self, visit: Visit) -> None:
        visit.sock.setblocking(False)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            visit.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        # Most clients ask at once.
        self._read(visit)

    def _advance(self, visit: Visit) -> None:
        if visit.phase is _Phase.WAITING:
            self._read(visit)
        elif visit.phase is _Phase.FLUSHING:
            self._flush(visit)
        elif visit.phase is _Phase.LINGERING:
            data = visit.sock.recv(_READ_BYTES)
            visit.lingered_bytes += len(data)
            if not data or visit.lingered_bytes > _MOST_LINGERED_BYTES:
                self._end(visit)

    def _read(self, visit: Visit) -> None:
        try:
            data = visit.sock.recv(_READ_BYTES)
        except BlockingIOError:
            self._watch(visit, selectors.EVENT_READ)
            return
        if not data:
            self._end(visit)
            return
        if not visit.received:
            visit.deadline = self._now() + self._limits.request_seconds
        visit.received += data
        self._try_to_serve(visit)

    def _try_to_serve(self, visit: Visit) -> None:
        """Have a request served, once it has come whole."""
        try:
            arrival = visit.arriving.look(visit.received)
        except RefusedError as refused:
            self._refuse(visit, refused.status, str(refused))
            return
        if arrival.end is None:
            if arrival.expects_go_ahead and not visit.was_told_to_go_ahead:
                visit.was_told_to_go_ahead = True
                visit.sock.send(_GO_AHEAD)
            self._watch(visit, selectors.EVENT_READ)
            return
        request = bytes(visit.received[: arrival.end])
        del visit.received[: arrival.end]
        visit.arriving = Arriving()
        visit.was_told_to_go_ahead = False
        visit.path = arrival.target.partition(b"?")[0].decode("latin-1")
        self._become(visit, _Phase.SERVED)
        if not self._serve(visit, request, arrival.target):
            self._answer(visit, BUSY, After.END)

    def _refuse(self, visit: Visit, status: int, sentence: str) -> None:
        self._answer(visit, _refusal(status, sentence), After.END)

    def _take_answers(self) -> None:
        with suppress(BlockingIOError):
            self._bell.recv(4096)
        while not self._answered.empty():
            visit, rest, after = self._answered.get()
            self._guarded(visit, self._answer, rest, after)

    def _answer(self, visit: Visit, rest: Pieces, after: After) -> None:
        if after is After.BREAK:
            self._end(visit)
            return
        visit.rest, visit.rest_bytes, visit.after = rest, sum(map(len, rest)), after
        self._unsent_bytes += visit.rest_bytes
        visit.deadline = self._now() + self._limits.stall_seconds
        self._become(visit, _Phase.FLUSHING)
        self._flush(visit)
        while self._unsent_bytes > self._limits.unsent_bytes:
            self._drop(next(iter(self._visits[_Phase.FLUSHING])), Drop.SHED)

    def _flush(self, visit: Visit) -> None:
        before = visit.rest_bytes
        visit.rest = send_some(visit.sock, visit.rest)
        visit.rest_bytes = sum(map(len, visit.rest))
        self._unsent_bytes -= before - visit.rest_bytes
        if visit.rest:
            if visit.rest_bytes < before:
                visit.deadline = self._now() + self._limits.stall_seconds
                self._visits[_Phase.FLUSHING].move_to_end(visit)
            self._watch(visit, selectors.EVENT_WRITE)
        elif visit.after is After.ANOTHER:
            self._become(visit, _Phase.WAITING)
            seconds = self._limits.request_seconds if visit.received else self._limits.idle_seconds
            visit.deadline = self._now() + seconds
            if visit.received:
                self._try_to_serve(visit)
            else:
                self._watch(visit, selectors.EVENT_READ)
        else:
            # Closed at once, what the client still sends would take the answer from it.
            _shut_down(visit.sock, socket.SHUT_WR)
            self._become(visit, _Phase.LINGERING)
            visit.deadline = self._now() + self._limits.linger_seconds
            self._watch(visit, selectors.EVENT_READ)

    def _end_late(self, now: float) -> None:
        for phase in (_Phase.WAITING, _Phase.FLUSHING, _Phase.LINGERING):
            for visit in [visit for visit in self._visits[phase] if visit.deadline < now]:
                if phase is _Phase.FLUSHING:
                    self._drop(visit, Drop.STALLED)
                elif phase is _Phase.WAITING and visit.received:
                    self._dropped(visit, Drop.SLOW)
                    late = f"A request has {self._limits.request_seconds:g} s to come whole."
                    visit.received.clear()
                    visit.arriving = Arriving()
                    self._guarded(visit, self._refuse, 408, late)
                else:
                    self._end(visit)

    def _shed(self) -> bool:
        """Close the connection that has been of the least use for longest, if there is one."""
        for phase in (_Phase.LINGERING, _Phase.WAITING, _Phase.FLUSHING):
            if self._visits[phase]:
                self._drop(next(iter(self._visits[phase])), Drop.SHED)
                return True
        return False

    def _drop(self, visit: Visit, why: Drop) -> None:
        self._dropped(visit, why)
        self._end(visit)

    def _become(self, visit: Visit, phase: _Phase) -> None:
        del self._visits[visit.phase][visit]
        visit.phase = phase
        self._visits[phase][visit] = None
        if phase is _Phase.SERVED:
            self._watch(visit, 0)

    def _watch(self, visit: Visit, events: int) -> None:
        if events == visit.watched_for:
            return
        if not events:
            self._selector.unregister(visit.sock)
        elif visit.watched_for:
            self._selector.modify(visit.sock, events, visit)
        else:
            self._selector.register(visit.sock, events, visit)
        visit.watched_for = events

    def _end(self, visit: Visit) -> None:
        if visit not in self._visits[visit.phase]:
            return
        del self._visits[visit.phase][visit]
        self._unsent_bytes -= visit.rest_bytes
        visit.rest, visit.rest_bytes = (), 0
        try:
            self._watch(visit, 0)
        finally:
            visit.sock.close()


def _refusal(status: int, sentence: str) -> Pieces:
    body = b'{"error":"%b"}\n' % sentence.encode()
    retry = "Retry-After: 2\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nConnection: close\r\n{retry}"
        "Cache-Control: no-store\r\nContent-Type: application/json\r\n"
        f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


BUSY = _refusal(503, "The viewer has as many requests as it can answer; try again.")
"""The answer to a request that there is nobody for, after which the connection ends."""


def _shut_down(sock: socket.socket, how: int) -> None:
    # The client may have gone already.
    with suppress(OSError):
        sock.shutdown(how)
