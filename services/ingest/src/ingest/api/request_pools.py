"""Threads for each kind of request, with limits on what may wait for them."""

from typing import Any, Protocol

from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error

# Requests of one kind that wait for a thread.
_MOST_WAITING = 32
# Answers that clients have not received yet, all together, in memory and in files.
_MOST_UNSENT_BYTES = 64 << 20
_CONTROL_THREADS = 4
_END_SECONDS = 2


class Unsent(Protocol):
    """A server that knows how much it has not sent yet."""

    @property
    def unsent_bytes(self) -> int:
        """The bytes of answers that clients have not received yet."""


class Busy(Error):
    """The answer if too many requests of its kind wait already."""

    code = 503
    reason = "Service Unavailable"


class RequestPools:
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
        pool = self._paths.get(request.path, self._others)
        if request.error is None:
            request.error = self._refusal(pool, channel.server)
        (pool if request.error is None else self._refusals).add_task(channel)

    def _refusal(self, pool: ThreadedTaskDispatcher, server: Unsent) -> Busy | None:
        if pool is not self._health and len(pool.queue) >= _MOST_WAITING:
            return Busy("Too many requests wait: try again in a moment.")
        if pool is self._others and server.unsent_bytes > _MOST_UNSENT_BYTES:
            return Busy("Too many answers wait for clients to read them: try again in a minute.")
        return None

    def shutdown(self) -> None:
        """End the threads."""
        for pool in (self._health, self._metrics, self._others, self._refusals):
            pool.shutdown(timeout=_END_SECONDS)
