"""Counts the open streams, keeps them below their limit, and ends them when the viewer stops."""

import threading
from collections.abc import Callable

from viewer.model.errors import TryLaterError
from viewer.telemetry.metrics import Metrics

# One that was ended notices it within so long.
_ROOM_SECONDS = 1.0
# Event streams cost their clients nothing, and a page works without them: some of the streams that
# may be open are kept free of them.
_LISTENING = frozenset({"events", "room"})
_SHARE_FOR_PICTURES = 4


class OpenStreams:
    """Counts the streaming responses that are open. Safe to share by threads."""

    def __init__(
        self, limit: int, metrics: Metrics, make_room: Callable[[], bool] = lambda: False
    ) -> None:
        """Let at most `limit` streams be open at a time, a quarter of them with pictures only.

        `make_room` ends a stream whose client reads nothing, and returns whether there was one. It
        is called with the lock held, so it must not block.
        """
        self._limit = limit
        self._metrics = metrics
        self._make_room = make_room
        self._lock = threading.Condition()
        self._open = 0
        self._listening = 0
        self.stopping = threading.Event()

    def enter(self, route: str) -> Callable[[], None]:
        """Count a stream as open. Returns what ends that, which may be called more than once.

        Called by the thread of the request. When all streams are taken and one could be ended, it
        waits for up to a second until that one is gone.

        Raises TryLaterError when as many as allowed are open.
        """
        listens = int(route in _LISTENING)
        with self._lock:
            if listens and self._listening >= self._limit - self._limit // _SHARE_FOR_PICTURES:
                self._metrics.refused.inc()
                raise TryLaterError(
                    f"The viewer tells {self._listening} clients of events, as many as it may; "
                    "try again."
                )
            if self._open >= self._limit and self._make_room():
                self._lock.wait_for(lambda: self._open < self._limit, _ROOM_SECONDS)
            if self._open >= self._limit or self.stopping.is_set():
                self._metrics.refused.inc()
                raise TryLaterError(
                    f"The viewer has {self._open} streams open, as many as it may; try again."
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
