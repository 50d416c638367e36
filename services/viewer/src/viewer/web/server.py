"""The HTTP server: gunicorn's processes, parser and answers, behind a gate that no client holds up.

gunicorn's threaded worker gives a connection to a thread when its first byte has come, and the
thread waits for the rest. Here a thread gets whole requests only, and waits for a client only while
it sends a stream: docs/decisions/0018.
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
from viewer.delivery.response_writer import Outlet, Pieces, send_some
from viewer.delivery.slow_clients import SlowClients
from viewer.telemetry.metrics import Metrics
from viewer.web.connection_gate import BUSY, After, ClientConnection, Drop, Gate, Limits
from viewer.web.request_pools import MOST_WAITING, make_pools, pool_of

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 2
# The parent looks at the worker once a second: it stood still itself if that was so long ago.
_LATE_SECONDS = 5.0
_KEEPALIVE_SECONDS = 30
# How many connections may be held that nobody serves.
_IDLE_CONNECTIONS = 1000
# Files and connections that are no client's.
_OWN_FILES = 256


@dataclass(frozen=True)
class Viewer:
    """A viewer that runs, as the server needs it."""

    app: Flask
    stopping: threading.Event
    """Once set, every open stream ends."""
    slow_clients: SlowClients
    metrics: Metrics
    close: Callable[[], None]
    """Ends its threads and its clients of Kafka; takes seconds at most."""


class ViewerServer(BaseApplication):  # type: ignore[misc]
    """A viewer behind gunicorn."""

    def __init__(self, settings: Settings, assemble: Callable[[Settings], Viewer]) -> None:
        """Serve what `assemble` makes; it is called in the worker, after the fork."""
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
            # Files are short, and collected as other answers are.
            "sendfile": False,
            # Whom a proxy speaks for is the application's to believe, when it is told to.
            "forwarded_allow_ips": "",
            "worker_exit": lambda _arbiter, _worker: self.close(),
        }
        for key, value in options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Make the application, in the worker."""
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
    """Starts a worker again that died or hangs, but not one that stood still when it did itself.

    As where all of a container is paused: nobody was idle.
    """

    _looked_at = 0.0
    _patient_until = 0.0

    def murder_workers(self) -> None:
        """End a worker that hangs, as gunicorn asks."""
        now = time.monotonic()
        if now - self._looked_at > _LATE_SECONDS:
            # The worker shows now, if it still can, that it goes on.
            self._patient_until = now + _LATE_SECONDS
        self._looked_at = now
        if now >= self._patient_until:
            super().murder_workers()


class PlainLogger(Logger):  # type: ignore[misc]
    """Leaves gunicorn's logging to the logging that is set up for everything."""

    def setup(self, cfg: Any) -> None:
        """Pass errors on; requests are counted, not logged."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Answering:
    """What gunicorn wants to know of a connection while a request is answered."""

    def __init__(self, connection: ClientConnection, outlet: Outlet) -> None:
        self.sock = outlet
        self.client = connection.client
        self.server = connection.server


class GatedWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker whose threads get whole requests, and that ends streams when it stops."""

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
        # A request may be on its way; its answer says that it is the connection's last.
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
        """Answer a request; a thread's work."""
        viewer = self.app.viewer
        assert viewer is not None, "it serves once the application is made"
        outlet = Outlet(connection.sock, self.app.settings.stall_seconds, viewer.slow_clients)
        rest: Pieces = ()
        after = After.BREAK
        try:
            keeps = self._respond(connection, request, outlet)
            if not outlet.is_broken:
                # Mostly there is room for all of it.
                rest = send_some(connection.sock, outlet.take())
                after = After.ANOTHER if keeps else After.END
        except BlockingIOError:
            self._on_dropped(connection, Drop.STALLED)
        except OSError as error:
            if error.errno not in {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN}:
                logger.warning("event=client_lost path=%s reason=%r", connection.path, str(error))
        finally:
            self._gate.on_answered(connection, rest, after)

    def _respond(self, connection: ClientConnection, request: bytes, outlet: Outlet) -> bool:
        """Write the answer, and tell whether another may follow it."""
        asked = None
        try:
            # The whole request: the parser can't read on.
            asked = next(http.get_parser(self.cfg, [request], connection.client))
            # What is wrong with the body is found out here, and not by whoever wants it.
            asked.body = BytesIO(asked.body.read())
            # The gate has said it.
            asked._expected_100_continue = False  # noqa: SLF001 (gunicorn has no other way)
            return bool(self.handle_request(asked, _Answering(connection, outlet)))
        except (http.errors.NoMoreData, StopIteration):
            return False
        except OSError:
            raise
        except Exception as error:
            outlet.take()
            self.handle_error(asked, outlet, connection.client, error)
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
    """Have as many files open as may be, and tell how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


def _whose(path: str) -> Mapping[str, str]:
    """Tell which stream a path is about, if it is about one."""
    found = re.search(r"/streams/([^/]+)/", path)
    return about(unquote(found[1])) if found else {}
