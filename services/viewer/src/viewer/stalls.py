"""Clients that take nothing of a stream just now; when there are too many, the longest goes."""

import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Stalls:
    """The sockets that threads wait for, in the order in which they came to. Safe to share."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds."""
        self._now = now
        self._lock = threading.Lock()
        self._since: OrderedDict[socket.socket, float] = OrderedDict()

    @contextmanager
    def waiting_for(self, sock: socket.socket) -> Iterator[None]:
        """Note that a client takes nothing, for as long as this lasts."""
        with self._lock:
            self._since[sock] = self._now()
        try:
            yield
        finally:
            with self._lock:
                self._since.pop(sock, None)

    def end_longest(self, least_seconds: float) -> bool:
        """End the stream whose client has taken nothing for longest, if for so long."""
        with self._lock:
            sock, since = next(iter(self._since.items()), (None, 0.0))
            if sock is None or self._now() - since < least_seconds:
                return False
            del self._since[sock]
            # Whoever waits for it finds out.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return True
