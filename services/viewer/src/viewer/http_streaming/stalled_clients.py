"""Clients that read nothing of a stream just now, so that the longest can make room for others."""

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
    """The full sockets of streams, and when each client last read something.

    Threads that wait for a socket, and the live edge's, add and remove theirs; a thread that opens
    a stream may end one. No method blocks: the lock is held for a few system calls only.
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
        """Note that a socket is full, for as long as this lasts."""
        self.begin(sock)
        try:
            yield
        finally:
            self.end(sock)

    def begin(self, sock: socket.socket) -> None:
        """Note that a socket is full from now on."""
        with self._lock:
            self._progress[sock] = _Progress(self._now(), _queued_bytes(sock))

    def end(self, sock: socket.socket) -> None:
        """Note that a socket is full no longer, or is nobody's."""
        with self._lock:
            self._progress.pop(sock, None)

    def end_longest(self, least_seconds: float) -> bool:
        """End the stream whose client has read nothing for longest, if for so long.

        A client that reads slowly is not ended: its socket has room again only when half of its
        queue is sent, which may take seconds, but the queue shows what was read meanwhile.
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
            # The thread that waits for it is woken by that.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return True


@dataclass(frozen=True)
class _Progress:
    """When a client last read something, and what was left in the kernel then."""

    at: float
    queued_bytes: int


def _queued_bytes(sock: socket.socket) -> int:
    """Return what a socket holds that its client has not acknowledged."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])
    except OSError:
        return 0
