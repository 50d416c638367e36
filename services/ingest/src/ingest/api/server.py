"""The HTTP server: waitress, with limits on everything that a client can use.

One thread reads requests and writes answers for all connections, and never blocks on one. Other
threads answer complete requests. Each kind of request has its own threads, so that nothing delays
health and metrics.
"""

import errno
import logging
import resource
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

from ingest.api.poller import Poller
from ingest.api.request_pools import RequestPools
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
        poller: Poller,
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
    pools, sockets = RequestPools(), dict[int, Any]()
    poller = Poller(sockets)
    servers = [
        _Server(
            app,
            sockets,
            dropped=dropped,
            now=now,
            poller=poller,
            most=_most_connections(most),
            dispatcher=pools,
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
    pools.start()
    try:
        with RepeatingThread("http", go_round, lambda: _AGAIN_SECONDS):
            try:
                yield int(cast("Any", servers[0]).effective_port)
            finally:
                ending.append(True)
                servers[0].pull_trigger()
    finally:
        pools.shutdown()
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
