"""Clients that read nothing of their stream; the longest stalled one can make room for another.

A slow client of a live stream skips frames first: see playback/slow_client_skipping.
"""

import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


class StalledClients:
    """The streams' full sockets, and when each client last read something.

    Threads that wait for a socket and the live edge's thread add and remove sockets. A thread that
    opens a stream may end one. No method blocks: the lock is held for a few system calls only.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds."""
        self._now = now
        self._lock = threading.Lock()
        self._progress: dict[socket.socket, _Progress] = {}

    @property
    def count(self) -> int:
        """How many sockets are full."""
        with self._lock:
            return len(self._progress)

    @contextmanager
    def waiting_for(self, sock: socket.socket) -> Iterator[None]:
        """Register a socket as full while the context is active."""
        self.begin(sock)
        try:
            yield
        finally:
            self.end(sock)

    def begin(self, sock: socket.socket) -> None:
        """Register a socket as full."""
        with self._lock:
            self._progress[sock] = _Progress(self._now(), _queued_bytes(sock))

    def end(self, sock: socket.socket) -> None:
        """Remove a socket, which has room again or is closed."""
        with self._lock:
            self._progress.pop(sock, None)

    def end_longest(self, least_seconds: float) -> bool:
        """End the stream whose client has read nothing for the longest time, if at least this long.

        A client that reads slowly is not ended. Its socket has room again only when half of its
        queue is sent, which may take seconds, but the queue's size shows its progress.
        """
        with self._lock:
            now = self._now()
            for sock, progress in list(self._progress.items()):
                queued_bytes = _queued_bytes(sock)
                if queued_bytes < progress.queued_bytes:
                    self._progress[sock] = _Progress(now, queued_bytes)
            if not self._progress:
                return False
            sock = min(self._progress, key=lambda sock: self._progress[sock].at)
            if now - self._progress[sock].at < least_seconds:
                return False
            del self._progress[sock]
            # This wakes the thread that waits for the socket.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return True


@dataclass(frozen=True)
class _Progress:
    """When a client last read something, and how many bytes the kernel held then."""

    at: float
    queued_bytes: int


def _queued_bytes(sock: socket.socket) -> int:
    """Return how many bytes of a socket its client has not acknowledged."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])
    except OSError:
        return 0
