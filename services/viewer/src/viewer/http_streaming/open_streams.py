"""Counts and limits the open streams, and ends them when the viewer stops."""

import threading
from collections.abc import Callable

from viewer.model.errors import TryLaterError
from viewer.telemetry.metrics import Metrics

# An ended stream leaves within this time.
_ROOM_SECONDS = 1.0
# A page works without event streams, and they cost clients nothing. So they may not take all of the
# streams.
_LISTENING = frozenset({"events", "room"})
_SHARE_FOR_PICTURES = 4


class OpenStreams:
    """Counts the streaming responses that are open. Safe to share by threads."""

    def __init__(
        self, limit: int, metrics: Metrics, make_room: Callable[[], bool] = lambda: False
    ) -> None:
        """Allow `limit` open streams; a quarter of them is reserved for frames.

        `make_room` ends the stream of a stalled client and returns whether there was one. It is
        called with the lock held, so it must not block.
        """
        self._limit = limit
        self._metrics = metrics
        self._make_room = make_room
        self._lock = threading.Condition()
        self._open = 0
        self._listening = 0
        self.stopping = threading.Event()

    def enter(self, route: str) -> Callable[[], None]:
        """Count a stream as open. Returns the function that ends the count; it may be called again.

        The request's thread calls it. If the limit is reached and a stalled client's stream could
        be ended, it blocks for up to a second until that stream has left.

        Raises TryLaterError if the limit is reached.
        """
        listens = int(route in _LISTENING)
        with self._lock:
            if listens and self._listening >= self._limit - self._limit // _SHARE_FOR_PICTURES:
                self._metrics.refused.inc()
                raise TryLaterError(
                    f"The viewer has {self._listening} event streams open, the maximum; try again."
                )
            if self._open >= self._limit and self._make_room():
                self._lock.wait_for(lambda: self._open < self._limit, _ROOM_SECONDS)
            if self._open >= self._limit or self.stopping.is_set():
                self._metrics.refused.inc()
                raise TryLaterError(
                    f"The viewer has {self._open} streams open, the maximum; try again."
                )
            self._open += 1
            self._listening += listens
        self._metrics.watchers.labels(route).inc()
        left = threading.Event()

        def leave() -> None:
            with self._lock:
                if left.is_set():
                    return
                left.set()
                self._open -= 1
                self._listening -= listens
                self._lock.notify()
            self._metrics.watchers.labels(route).dec()

        return leave
