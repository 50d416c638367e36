"""The HTTP server: gunicorn's processes, parser and responses, behind a gate.

gunicorn's threaded worker gives a connection to a thread at its first byte, and the thread waits
for the rest. Here a thread gets complete requests only, and waits for a client
only while it sends a stream (docs/decisions/0018).
"""

import errno
import logging
import re
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from types import FrameType
from typing import Any
from urllib.parse import unquote

from flask import Flask
from framelog_service.logs import about
from gunicorn import http  # type: ignore[import-untyped]
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from viewer.config.settings import Settings
from viewer.http_streaming.direct_sending import Pieces, ResponseSocket, send_some
from viewer.http_streaming.stalled_clients import StalledClients
from viewer.telemetry.metrics import Metrics
from viewer.web.client_connections import After, ClientConnection
from viewer.web.connection_gate import BUSY, Drop, Gate, Limits
from viewer.web.request_pools import MOST_WAITING, make_pools, pool_of

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 2
# The parent checks the worker once a second. After a longer gap, the parent was paused itself.
_LATE_SECONDS = 5.0
_KEEPALIVE_SECONDS = 30
# The most idle connections.
_IDLE_CONNECTIONS = 1000
# File descriptors reserved for the process itself: files, and connections to Kafka.
_OWN_FILES = 256


@dataclass(frozen=True)
class Viewer:
    """A running viewer: the parts that the server uses."""

    app: Flask
    stopping: threading.Event
    """Once set, every open stream ends."""
    stalled_clients: StalledClients
    metrics: Metrics
    close: Callable[[], None]
    """Ends its threads and Kafka clients; blocks for a few seconds at most."""


class ViewerServer(BaseApplication):  # type: ignore[misc]
    """A viewer behind gunicorn."""

    def __init__(self, settings: Settings, assemble: Callable[[Settings], Viewer]) -> None:
        """Serve the viewer that `assemble` makes; the worker calls it after the fork."""
        self.settings = settings
        self._assemble = assemble
        self.viewer: Viewer | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options, as BaseApplication asks."""
        options = {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "workers": 1,
            "worker_class": GatedWorker,
            "threads": self.settings.threads,
            "worker_connections": (
                self.settings.threads + sum(MOST_WAITING.values()) + _IDLE_CONNECTIONS
            ),
            "keepalive": _KEEPALIVE_SECONDS,
            "graceful_timeout": _GRACE_SECONDS,
            "control_socket_disable": True,
            "logger_class": PlainLogger,
            "proc_name": "framelog-viewer",
            # Static files are small: they are collected like other responses.
            "sendfile": False,
            # The application decides whether to trust a proxy's headers.
            "forwarded_allow_ips": "",
            "worker_exit": lambda _arbiter, _worker: self.close(),
        }
        for key, value in options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Create the application, in the worker."""
        self.viewer = self._assemble(self.settings)
        return self.viewer.app

    def run(self) -> None:
        """Serve until told to stop, as BaseApplication does."""
        try:
            Parent(self).run()
        except RuntimeError as error:
            sys.exit(f"The viewer can't be started: {error}.")

    def stop_streams(self) -> None:
        """Ask every open stream to end."""
        if self.viewer is not None:
            self.viewer.stopping.set()

    def close(self) -> None:
        """End the viewer."""
        if self.viewer is not None:
            self.viewer.close()


class Parent(Arbiter):  # type: ignore[misc]
    """Restarts a worker that died or hangs, but not after a pause of the whole container.

    The worker did not hang then: the parent was paused with it.
    """

    _looked_at = 0.0
    _patient_until = 0.0

    def murder_workers(self) -> None:
        """Terminate a worker that hangs; gunicorn calls this once a second."""
        now = time.monotonic()
        if now - self._looked_at > _LATE_SECONDS:
            # Time for the worker to show that it still runs.
            self._patient_until = now + _LATE_SECONDS
        self._looked_at = now
        if now >= self._patient_until:
            super().murder_workers()


class PlainLogger(Logger):  # type: ignore[misc]
    """Sends gunicorn's log to the service's own logging."""

    def setup(self, cfg: Any) -> None:
        """Pass errors on; requests are counted, not logged."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Answering:
    """The attributes of a connection that gunicorn reads while it answers a request."""

    def __init__(self, connection: ClientConnection, response_socket: ResponseSocket) -> None:
        self.sock = response_socket
        self.client = connection.client
        self.server = connection.server


class GatedWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker whose threads get complete requests, and which can end streams."""

    app: ViewerServer

    def run(self) -> None:
        """Serve until told to stop, as gunicorn asks."""
        settings = self.app.settings
        pools = self._pools = make_pools(settings.threads)
        limits = Limits(
            connections=min(self.cfg.worker_connections, _most_files() - _OWN_FILES),
            idle_seconds=_KEEPALIVE_SECONDS,
            stall_seconds=settings.stall_seconds,
        )
        gate = self._gate = Gate(self.sockets, self._serve, self._on_dropped, limits)
        gate.open()
        while self.alive and self.is_parent_alive():
            self._run_once(gate)
        gate.shut()
        # Requests may still arrive; their answers say that the connection closes.
        until = time.monotonic() + self.cfg.graceful_timeout
        while len(gate) and time.monotonic() < until:
            self._run_once(gate)
        gate.close()
        for pool in pools.values():
            pool.close()
        for listener in self.sockets:
            listener.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End open streams, then as gunicorn does."""
        self.app.stop_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End open streams, then as gunicorn does."""
        self.app.stop_streams()
        super().handle_quit(sig, frame)

    def _run_once(self, gate: Gate) -> None:
        self.notify()
        gate.run_once(0.25)
        if self.app.viewer is not None:
            self.app.viewer.metrics.connections.set(len(gate))

    def _serve(self, connection: ClientConnection, request: bytes, target: bytes) -> bool:
        return self._pools[pool_of(target)].run(
            partial(self._answer, connection, request),
            partial(self._gate.on_answered, connection, BUSY, After.END),
        )

    def _answer(self, connection: ClientConnection, request: bytes) -> None:
        """Answer a request in a thread of a pool. Blocks for the client only during a stream."""
        viewer = self.app.viewer
        assert viewer is not None, "the application is created before the first request"
        response_socket = ResponseSocket(
            connection.sock, self.app.settings.stall_seconds, viewer.stalled_clients
        )
        rest: Pieces = ()
        after = After.BREAK
        try:
            keeps = self._respond(connection, request, response_socket)
            if not response_socket.is_broken:
                # The socket usually has room for the whole response.
                rest = send_some(connection.sock, response_socket.take_collected())
                after = After.ANOTHER if keeps else After.END
        except BlockingIOError:
            self._on_dropped(connection, Drop.STALLED)
        except OSError as error:
            if error.errno not in {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN}:
                logger.warning("event=client_lost path=%s reason=%r", connection.path, str(error))
        finally:
            self._gate.on_answered(connection, rest, after)

    def _respond(
        self, connection: ClientConnection, request: bytes, response_socket: ResponseSocket
    ) -> bool:
        """Write the response; return whether the connection stays open."""
        asked = None
        try:
            # The request is complete: the parser needs no more bytes.
            asked = next(http.get_parser(self.cfg, [request], connection.client))
            # Read the body here, so that its errors are not raised in a route.
            asked.body = BytesIO(asked.body.read())
            # The gate has sent the 100 (Continue).
            asked._expected_100_continue = False  # noqa: SLF001 (gunicorn has no other way)
            return bool(self.handle_request(asked, _Answering(connection, response_socket)))
        except (http.errors.NoMoreData, StopIteration):
            return False
        except OSError:
            raise
        except Exception as error:
            response_socket.take_collected()
            self.handle_error(asked, response_socket, connection.client, error)
            return False

    def _on_dropped(self, connection: ClientConnection, why: Drop) -> None:
        if self.app.viewer is None:
            return
        metrics = self.app.viewer.metrics
        if why is Drop.STALLED:
            logger.warning(
                "event=client_dropped reason='stalled' peer=%s path=%s",
                connection.client, connection.path, extra=_whose(connection.path),
            )  # fmt: skip
            metrics.stalled.inc()
        else:
            metrics.connections_closed.labels(why.value).inc()


def _most_files() -> int:
    """Raise the limit of open files to its maximum, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


def _whose(path: str) -> Mapping[str, str]:
    """Return the log context of the stream in a path; empty if there is none."""
    found = re.search(r"/streams/([^/]+)/", path)
    return about(unquote(found[1])) if found else {}
