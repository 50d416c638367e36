"""The HTTP server: waitress, with limits on everything that a client can use.

One thread reads requests and writes answers for all connections, and never blocks on one. Other
threads answer complete requests. Each kind of request has its own threads, so that nothing delays
health and metrics.
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
# Descriptors that are left to the rest of the service.
_OTHER_DESCRIPTORS = 512
_FEWEST_CONNECTIONS = 64
LARGEST_HEAD_BYTES = 16 << 10
LARGEST_BODY_BYTES = 64 << 10
_AGAIN_SECONDS = 0.5
_MAINTENANCE_SECONDS = 1.0
# Connections accepted in one go, and connections that wait to be accepted.
_ACCEPTED_AT_ONCE = 64
_BACKLOG = 2048
# Requests of one kind that wait for a thread.
_MOST_WAITING = 32
# Answers that clients have not received yet, all together, in memory and in files.
_MOST_UNSENT_BYTES = 64 << 20
_CONTROL_THREADS = 4
_END_SECONDS = 2

log = logging.getLogger(__name__)


class Stage(Enum):
    """The stage of a connection; the value is the longest time in this stage, in seconds."""

    SERVED = float("inf")
    ANSWER = 60.0
    BODY = 20.0
    HEAD = 10.0
    IDLE = 59.0


# A connection this young may be about to send a request: it is dropped last.
_YOUNG_SECONDS = 1.0
# The order in which connections are dropped if there are too many; within a stage, oldest first.
_SHED = {Stage.IDLE: 0, Stage.HEAD: 1, Stage.BODY: 1, Stage.ANSWER: 2}
_SHED_LAST = 3


class _Busy(Error):
    """The answer if too many requests of its kind wait already."""

    code = 503
    reason = "Service Unavailable"


class _Parser(HTTPRequestParser):
    path = ""
    """The path of an invalid request: waitress sets none, but logs it."""

    def parse_header(self, header_plus: bytes) -> None:
        """Treat everything that can't be parsed, such as a number, as a bad request."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError("The request can't be read") from error


class _Channel(HTTPChannel):
    """One connection, with its stage and since when."""

    parser_class = _Parser
    server: "_Server"

    def __init__(self, *of_waitress: Any, **named: Any) -> None:
        server: _Server = of_waitress[0]
        self._now = server.now
        self.stage, self.since = Stage.IDLE, self._now()
        super().__init__(*of_waitress, **named)

    def del_channel(self, map: Any = None) -> None:  # noqa: A002
        """Clean up before the connection is closed."""
        self.server.at_work.discard(self)
        self.server.poller.forget(self)
        super().del_channel(map)

    def close(self) -> None:
        """Close, and discard unsent answers: they may be in a file."""
        self.handle_close()

    def received(self, data: bytes) -> bool:
        """Handle received bytes: one request. If more follow with it, its answer is the last.

        Otherwise one client's pipelined requests would delay all others.
        """
        with cast("Any", self).requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            while data and not self.requests:
                request = self.request = self.request or self.parser_class(self.adj)
                data = data[request.received(data) :]
                # A request that is complete with its head is answered; its body is not requested.
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
        """Write what the client can receive."""
        super().handle_write()
        self.note()

    def service(self) -> None:
        """Answer one request. Called by an answering thread."""
        super().service()
        self.note()

    def handle_error(self) -> None:
        """Log a fault of ingest's own, and close the connection."""
        log.exception("event=connection_failed")
        self.handle_close()

    def note(self) -> None:
        """Update the stage of the connection."""
        request = self.request
        if self.total_outbufs_len:
            # Also while a thread writes: it waits for the client, which may never receive it.
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
    """Waits for all connections by epoll: its cost depends on events, not on connections.

    waitress's own loop asks every connection before each wait.
    """

    def __init__(self, sockets: dict[int, Any]) -> None:
        self._sockets = sockets
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}

    def watch(self, those: Any) -> None:
        """Watch a connection or a listener for the events that it wants now."""
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
        """Stop watching what is about to be closed."""
        descriptor = those._fileno  # noqa: SLF001
        if self._watched.pop(descriptor, None) is not None:
            with suppress(OSError):
                self._epoll.unregister(descriptor)

    def go_round(self, seconds: float) -> None:
        """Wait for events, at most so many seconds, and handle them."""
        for descriptor, flags in self._epoll.poll(seconds):
            those = self._sockets.get(descriptor)
            if those is not None:
                wasyncore.readwrite(those, flags)  # epoll's flags are those of poll
                self.watch(those)

    def close(self) -> None:
        """Close the poller."""
        self._epoll.close()


class _Lanes:
    """Threads for each kind of request, so that no kind delays another."""

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
        """Queue the next request of a connection for an answer."""
        request = channel.requests[0]
        lane = self._paths.get(request.path, self._others)
        if request.error is None:
            request.error = self._refusal(lane, channel.server)
        (lane if request.error is None else self._refusals).add_task(channel)

    def _refusal(self, lane: ThreadedTaskDispatcher, server: "_Server") -> _Busy | None:
        if lane is not self._health and len(lane.queue) >= _MOST_WAITING:
            return _Busy("Too many requests wait: try again in a moment.")
        if lane is self._others and server.unsent_bytes > _MOST_UNSENT_BYTES:
            return _Busy("Clients have not received too many answers yet: try again in a minute.")
        return None

    def shutdown(self) -> None:
        """End the threads."""
        for lane in (self._health, self._metrics, self._others, self._refusals):
            lane.shutdown(timeout=_END_SECONDS)


class _Server(TcpWSGIServer):
    """Accepts connections, and drops those that take too long or are too many."""

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
        """Maintain the connections between two waits of the loop."""
        self.poller.watch(self)
        for channel in list(self.at_work):
            # Another thread answers it, or has answered, and may have left data to write.
            if not channel.requests:
                self.at_work.discard(channel)
            self.poller.watch(channel)
        now = self.now()
        if now >= self._next_maintenance:
            self._next_maintenance = now + _MAINTENANCE_SECONDS
            self.maintenance(now)

    def maintenance(self, now: float) -> None:
        """Drop connections that have been in one stage for too long."""
        for channel in self._channels:
            channel.note()
            if now - channel.since > channel.stage.value:
                self._drop(channel, channel.stage.name.lower())

    def handle_accept(self) -> None:
        """Accept several connections at once: one for each wait would be slow."""
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
            with suppress(OSError):  # it is closed already
                self.set_socket_options(connection)
            address = self.fix_addr(address)
            self.poller.watch(_Channel(self, connection, address, self.adj, map=self._sockets))

    @property
    def unsent_bytes(self) -> int:
        """The bytes of answers that clients have not received yet."""
        return sum(channel.total_outbufs_len for channel in self._channels)

    @property
    def _channels(self) -> list[_Channel]:
        return list(cast("dict[int, _Channel]", self.active_channels).values())

    def _shed(self) -> bool:
        """Drop the least valuable connection; False if there is none."""
        now = self.now()

        def rank(channel: _Channel) -> tuple[int, float]:
            is_young = channel.stage is Stage.IDLE and now - channel.since < _YOUNG_SECONDS
            return _SHED_LAST if is_young else _SHED[channel.stage], channel.since

        those = [each for each in self._channels if each.stage in _SHED]
        if those:
            self._drop(min(those, key=rank), "crowd")
        return bool(those)

    def handle_error(self) -> None:
        """Log a fault of ingest's own: the listener must survive it."""
        log.exception("event=not_accepted next='go on'")

    def _drop(self, channel: _Channel, reason: str) -> None:
        self._dropped(reason)
        # At once, not when its client becomes writable: it may never do.
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
    """Serve app from threads; yields the port, a free one if port is 0.

    dropped is called with the reason if a connection is dropped: its stage, or crowd. now is a
    monotonic clock in seconds, most the largest number of connections. Raises OSError if the port
    is in use.
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

    # waitress would log a line for each request that waits.
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
    """Return how many connections the system's limit of open files allows, at most most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = most if soft == resource.RLIM_INFINITY else soft - _OTHER_DESCRIPTORS
    return max(_FEWEST_CONNECTIONS, min(room, most))
