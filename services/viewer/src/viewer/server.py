"""The HTTP server: gunicorn with one worker of many threads, each write of which is bounded."""

import errno
import logging
import re
import socket
import struct
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any
from urllib.parse import unquote

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from viewer.app import create_app
from viewer.logs import about
from viewer.parts import Parts
from viewer.settings import Settings

logger = logging.getLogger(__name__)

# How much of a live stream may wait unsent in the kernel: what is there already is old.
_UNSENT_BYTES = 64 << 10
_GRACE_SECONDS = 2
_KEEPALIVE_SECONDS = 30
# How many connections may be kept alive between requests.
_IDLE_CONNECTIONS = 1000


class ViewerServer(BaseApplication):  # type: ignore[misc]
    """A viewer behind gunicorn."""

    def __init__(
        self, settings: Settings, assemble: Callable[[Settings], tuple[Parts, Callable[[], None]]]
    ) -> None:
        """Serve what `assemble` makes; it is called in the worker, after the fork."""
        self.settings = settings
        self._assemble = assemble
        self.parts: Parts | None = None
        self._close: Callable[[], None] | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options, as BaseApplication asks."""
        options = {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "workers": 1,
            "worker_class": BoundedWorker,
            "threads": self.settings.threads,
            "worker_connections": self.settings.threads + _IDLE_CONNECTIONS,
            "keepalive": _KEEPALIVE_SECONDS,
            "graceful_timeout": _GRACE_SECONDS,
            "control_socket_disable": True,
            "logger_class": PlainLogger,
            "proc_name": "framelog-viewer",
            "worker_exit": lambda _arbiter, _worker: self.close(),
        }
        for key, value in options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Make the application, in the worker."""
        self.parts, self._close = self._assemble(self.settings)
        return create_app(self.parts)

    def stop_streams(self) -> None:
        """Ask every open stream to end."""
        if self.parts is not None:
            self.parts.watchers.stopping.set()

    def close(self) -> None:
        """End the parts."""
        if self._close is not None:
            self._close()


class PlainLogger(Logger):  # type: ignore[misc]
    """Leaves gunicorn's logging to the logging that is set up for everything."""

    def setup(self, cfg: Any) -> None:
        """Pass errors on; requests are counted, not logged."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class BoundedWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that no client can hold up, and that ends its streams when it is told to.

    gunicorn writes with plain blocking calls: a client that stops reading would keep a thread
    for as long as it likes.
    """

    app: ViewerServer

    def enqueue_req(self, conn: Any) -> None:
        """Bound what this connection can take before a thread serves it."""
        _bound(conn.sock, self.app.settings.stall_seconds)
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer; drop a client that took nothing for too long."""
        try:
            return super().handle_request(req, conn)
        except BlockingIOError as error:
            logger.warning(
                "client=dropped reason=stalled peer=%s path=%s",
                conn.client, req.path, extra=_whose(req.path),
            )  # fmt: skip
            if self.app.parts is not None:
                self.app.parts.metrics.stalled.inc()
            # Gunicorn would wait, in its main thread, for the client to say goodbye.
            conn.sock.close()
            raise ConnectionResetError(errno.ECONNRESET, "stalled") from error

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End open streams, then as gunicorn does."""
        self.app.stop_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End open streams, then as gunicorn does."""
        self.app.stop_streams()
        super().handle_quit(sig, frame)


def _whose(path: str) -> Mapping[str, str]:
    """Tell which stream a path is about, if it is about one."""
    found = re.search(r"/streams/([^/]+)/", path)
    return about(unquote(found[1])) if found else {}


def _bound(sock: socket.socket, stall_seconds: int) -> None:
    """Let each call on a socket fail with BlockingIOError after so long without progress.

    Python's own socket timeout is for a whole sendall(), however well it advances.
    """
    limit = struct.pack("ll", stall_seconds, 0)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    except OSError:
        # It is closed already: whoever reads from it next finds out.
        logger.debug("socket=closed", exc_info=True)
