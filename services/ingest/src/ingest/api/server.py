"""The HTTP server: waitress, with a bound on all that a client can take of it.

One thread reads heads and bodies and writes answers, of all connections at once, and waits for
none; other threads answer whole requests. Each kind of request has threads of its own, so that
nothing can keep those of health and metrics.
"""

import errno
import logging
import resource
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, cast

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error

from ingest.telemetry.service_thread import RepeatingThread

MOST_CONNECTIONS = 2048
# Descriptors that are left to all else that the service does.
_OTHER_DESCRIPTORS = 512
_FEWEST_CONNECTIONS = 64
LARGEST_HEAD_BYTES = 16 << 10
LARGEST_BODY_BYTES = 64 << 10
_AGAIN_SECONDS = 0.5
_MAINTENANCE_SECONDS = 1.0
# So many are accepted before anything else is done, and so many wait to be accepted.
_ACCEPTED_AT_ONCE = 64
_BACKLOG = 2048
# Requests of one kind that wait for a thread.
_MOST_WAITING = 32
# Of answers that clients have not taken yet, together: they lie in memory and in files.
_MOST_UNSENT_BYTES = 64 << 20
_CONTROL_THREADS = 4
_END_SECONDS = 2

log = logging.getLogger(__name__)


class Stage(Enum):
    """What a connection is at; its value is for how many seconds it may be at that, as a whole."""

    SERVED = float("inf")
    ANSWER = 60.0
    BODY = 20.0
    HEAD = 10.0
    IDLE = 59.0


# One that has sent nothing yet may be about to: for so long it counts as the last to be shed.
_YOUNG_SECONDS = 1.0
# In which order connections are shed for others, when there are too many; of a kind, the oldest.
_SHED = {Stage.IDLE: 0, Stage.HEAD: 1, Stage.BODY: 1, Stage.ANSWER: 2}
_SHED_LAST = 3


class _Busy(Error):
    """What is answered when too many requests of its kind wait already."""

    code = 503
    reason = "Service Unavailable"


class _Parser(HTTPRequestParser):
    path = ""
    """Of a request that can't be read: waitress has none then, and names it in its log."""

    def parse_header(self, header_plus: bytes) -> None:
        """Take whatever can't be parsed for a bad request: a number, an address."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError("The request can't be read") from error


class _Channel(HTTPChannel):
    """One connection, which knows what it is at and since when."""

    parser_class = _Parser
    server: "_Server"

    def __init__(self, *of_waitress: Any, **named: Any) -> None:
        server: _Server = of_waitress[0]
        self._now = server.now
        self.stage, self.since = Stage.IDLE, self._now()
        super().__init__(*of_waitress, **named)

    def del_channel(self, map: Any = None) -> None:  # noqa: A002
        """Note that it is about to be closed."""
        self.server.at_work.discard(self)
        self.server.poller.forget(self)
        super().del_channel(map)

    def close(self) -> None:
        """Close, at the server's end too, what is still to be written: it may lie in a file."""
        self.handle_close()

    def received(self, data: bytes) -> bool:
        """Take what has come: one request, and its answer is the last where more came with it.

        A client that sends many at once would have each read of it take as long as all of them.
        """
        with cast("Any", self).requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            while data and not self.requests:
                request = self.request = self.request or self.parser_class(self.adj)
                data = data[request.received(data) :]
                # One that is complete by its head is answered, and none of its body asked for.
                if request.expect_continue and request.headers_finished and not request.completed:
                    self.send_continue()
                if request.completed:
                    self.request = None
                    if not request.empty:
                        self._have_answered(request, is_last=bool(data))
        self.note()
        return True

    def _have_answered(self, request: Any, *, is_last: bool) -> None:
        if is_last:
            request.headers["CONNECTION"] = "close"
        cast("list[Any]", self.requests).append(request)
        self.server.at_work.add(self)
        self.server.add_task(cast("Any", self))

    def handle_write(self) -> None:
        """Write what the client takes."""
        super().handle_write()
        self.note()

    def service(self) -> None:
        """Answer one request; called by a thread that answers."""
        super().service()
        self.note()

    def handle_error(self) -> None:
        """End a connection that a fault of ours has met, and say so."""
        log.exception("event=connection_failed")
        self.handle_close()

    def note(self) -> None:
        """See what the connection is at now."""
        request = self.request
        if self.total_outbufs_len:
            # Also while a thread writes: it waits for the client, who may never take it.
            stage = Stage.ANSWER
        elif self.requests:
            stage = Stage.SERVED
        elif request is None:
            stage = Stage.IDLE
        else:
            stage = Stage.BODY if request.headers_finished else Stage.HEAD
        if stage is not self.stage:
            self.stage, self.since = stage, self._now()


class _Poller:
    """Waits for all connections at once; what it costs goes by what happens, not by how many.

    waitress's own loop asks each connection before each wait what it is to be woken for.
    """

    def __init__(self, sockets: dict[int, Any]) -> None:
        self._sockets = sockets
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}

    def watch(self, those: Any) -> None:
        """Be woken for what a connection or a listener wants to be woken for now."""
        descriptor: int | None = those._fileno  # noqa: SLF001  (its only name)
        if descriptor is None or self._sockets.get(descriptor) != those:
            return  # it has been closed
        wanted = (select.EPOLLIN if those.readable() else 0) | (
            select.EPOLLOUT if those.writable() and not those.accepting else 0
        )
        before = self._watched.get(descriptor)
        if before is None:
            self._epoll.register(descriptor, wanted)
        elif before != wanted:
            self._epoll.modify(descriptor, wanted)
        self._watched[descriptor] = wanted

    def forget(self, those: Any) -> None:
        """Be woken no more for what is about to be closed."""
        descriptor = those._fileno  # noqa: SLF001
        if self._watched.pop(descriptor, None) is not None:
            with suppress(OSError):
                self._epoll.unregister(descriptor)

    def go_round(self, seconds: float) -> None:
        """Wait for what happens, for so long at most, and have it dealt with."""
        for descriptor, flags in self._epoll.poll(seconds):
            those = self._sockets.get(descriptor)
            if those is not None:
                wasyncore.readwrite(those, flags)  # epoll's flags are those of poll
                self.watch(those)

    def close(self) -> None:
        """Wait no more."""
        self._epoll.close()


class _Lanes:
    """Threads for each kind of request: none can take another's."""

    def __init__(self) -> None:
        self._health = ThreadedTaskDispatcher()
        self._metrics = ThreadedTaskDispatcher()
        self._others = ThreadedTaskDispatcher()
        self._refusals = ThreadedTaskDispatcher()
        self._paths = {
            "/healthz": self._health,
            "/readyz": self._health,
            "/metrics": self._metrics,
        }

    def start(self) -> None:
        """Start the threads."""
        self._health.set_thread_count(1)
        self._metrics.set_thread_count(1)
        self._refusals.set_thread_count(1)
        self._others.set_thread_count(_CONTROL_THREADS)

    def add_task(self, channel: Any) -> None:
        """Have the next request of a connection answered."""
        request = channel.requests[0]
        lane = self._paths.get(request.path, self._others)
        if request.error is None:
            request.error = self._refusal(lane, channel.server)
        (lane if request.error is None else self._refusals).add_task(channel)

    def _refusal(self, lane: ThreadedTaskDispatcher, server: "_Server") -> _Busy | None:
        if lane is not self._health and len(lane.queue) >= _MOST_WAITING:
            return _Busy("Too many requests wait: ask again in a moment.")
        if lane is self._others and server.unsent_bytes > _MOST_UNSENT_BYTES:
            return _Busy("Clients have left too many answers untaken: ask again in a minute.")
        return None

    def shutdown(self) -> None:
        """End the threads."""
        for lane in (self._health, self._metrics, self._others, self._refusals):
            lane.shutdown(timeout=_END_SECONDS)


class _Server(TcpWSGIServer):
    """Accepts connections, and ends those that take too long or are too many."""

    channel_class = _Channel

    def __init__(
        self,
        app: Flask,
        sockets: dict[int, Any],
        *,
        dropped: Callable[[str], None],
        now: Callable[[], float],
        poller: _Poller,
        most: int,
        **named: Any,
    ) -> None:
        self.now = now
        self.poller = poller
        self._most = most
        self.at_work: set[_Channel] = set()
        self._dropped = dropped
        self._sockets = sockets
        self._next_maintenance = self._accepts_from = 0.0
        super().__init__(app, sockets, **named)

    def readable(self) -> bool:
        """Whether connections are accepted now."""
        return self.accepting and self.now() >= self._accepts_from

    def maintain(self) -> None:
        """See to connections between two waits of the loop."""
        self.poller.watch(self)
        for channel in list(self.at_work):
            # Another thread is at its answer, or was, and may have left something to be written.
            if not channel.requests:
                self.at_work.discard(channel)
            self.poller.watch(channel)
        now = self.now()
        if now >= self._next_maintenance:
            self._next_maintenance = now + _MAINTENANCE_SECONDS
            self.maintenance(now)

    def maintenance(self, now: float) -> None:
        """End what has been at one thing for too long, however busily."""
        for channel in self._channels:
            channel.note()
            if now - channel.since > channel.stage.value:
                self._drop(channel, channel.stage.name.lower())

    def handle_accept(self) -> None:
        """Accept what has come: one at a time, with a wait after each, would be slow."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted = self.accept()
            except OSError as error:
                log.warning("event=not_accepted reason=%r", str(error))
                self._accepts_from = self.now() + _AGAIN_SECONDS
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self._shed()
                return
            if accepted is None:
                return
            connection, address = accepted
            if len(cast("Any", self.active_channels)) >= self._most and not self._shed():
                connection.close()
                self._dropped("crowd")
                continue
            with suppress(OSError):  # it is gone already
                self.set_socket_options(connection)
            address = self.fix_addr(address)
            self.poller.watch(_Channel(self, connection, address, self.adj, map=self._sockets))

    @property
    def unsent_bytes(self) -> int:
        """How much of answers clients have not taken yet."""
        return sum(channel.total_outbufs_len for channel in self._channels)

    @property
    def _channels(self) -> list[_Channel]:
        return list(cast("dict[int, _Channel]", self.active_channels).values())

    def _shed(self) -> bool:
        """End the connection that can best be done without; False where there is none."""
        now = self.now()

        def rank(channel: _Channel) -> tuple[int, float]:
            is_young = channel.stage is Stage.IDLE and now - channel.since < _YOUNG_SECONDS
            return _SHED_LAST if is_young else _SHED[channel.stage], channel.since

        those = [each for each in self._channels if each.stage in _SHED]
        if those:
            self._drop(min(those, key=rank), "crowd")
        return bool(those)

    def handle_error(self) -> None:
        """Go on after a fault of ours: the listener must stay."""
        log.exception("event=not_accepted next='go on'")

    def _drop(self, channel: _Channel, reason: str) -> None:
        self._dropped(reason)
        # At once, and not when its client can be written to: it may never take anything.
        channel.handle_close()


@contextmanager
def serving(
    app: Flask,
    host: str,
    port: int,
    dropped: Callable[[str], None] = lambda _: None,
    *,
    now: Callable[[], float] = time.monotonic,
    most: int = MOST_CONNECTIONS,
) -> Iterator[int]:
    """Serve app from threads; gives the port, which is a free one where 0 was asked for.

    dropped is told why a connection was ended: what it was at for too long, or crowd. now is
    a monotonic clock in seconds, most how many connections there may be. Raises OSError when
    the port is taken.
    """
    adjustments = Adjustments(
        host=host,
        port=port,
        backlog=_BACKLOG,
        max_request_header_size=LARGEST_HEAD_BYTES,
        max_request_body_size=LARGEST_BODY_BYTES,
        log_socket_errors=False,
        ident=None,
    )
    lanes, sockets = _Lanes(), dict[int, Any]()
    poller = _Poller(sockets)
    servers = [
        _Server(
            app,
            sockets,
            dropped=dropped,
            now=now,
            poller=poller,
            most=_most_connections(most),
            dispatcher=lanes,
            adj=adjustments,
            sockinfo=sockinfo,
        )
        for sockinfo in adjustments.listen
    ]
    ending: list[bool] = []

    def go_round() -> None:
        for server in servers:
            poller.watch(server.trigger)
        while not ending:
            for server in servers:
                server.maintain()
            poller.go_round(_MAINTENANCE_SECONDS)

    # A line for each request that waits for a thread would be all of the log.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    lanes.start()
    try:
        with RepeatingThread("http", go_round, lambda: _AGAIN_SECONDS):
            try:
                yield int(cast("Any", servers[0]).effective_port)
            finally:
                ending.append(True)
                servers[0].pull_trigger()
    finally:
        lanes.shutdown()
        wasyncore.close_all(sockets)
        poller.close()


def _most_connections(most: int) -> int:
    """Return how many connections there may be: as many as the system lets the process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = most if soft == resource.RLIM_INFINITY else soft - _OTHER_DESCRIPTORS
    return max(_FEWEST_CONNECTIONS, min(room, most))
