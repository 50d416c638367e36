"""The health of the viewer's threads: which must run, and whether each does."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class ThreadHealth:
    """The threads that must run for the viewer to be alive. Safe to share by threads."""

    def __init__(self, stopping: threading.Event) -> None:
        """Threads that `run_forever` starts end when `stopping` is set."""
        self._stopping = stopping
        self._alive: dict[str, Callable[[], bool]] = {}

    def require(self, name: str, is_alive: Callable[[], bool]) -> None:
        """Make health depend on `is_alive`, which answers for all threads of this name."""
        self._alive[name] = is_alive

    def run_forever(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread that calls `work` until the viewer stops, again after each error."""
        thread = threading.Thread(
            target=self._run_again_on_error, args=(name, work), name=name, daemon=True
        )
        thread.start()
        self.require(name, thread.is_alive)
        return thread

    def dead(self) -> list[str]:
        """List the names of threads that have ended or hang; empty once the viewer stops."""
        if self._stopping.is_set():
            return []
        return [name for name, is_alive in self._alive.items() if not is_alive()]

    def _run_again_on_error(self, name: str, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except Exception:
                logger.exception("event=thread_failed name=%r next='call it again'", name)
                self._stopping.wait(_PAUSE_SECONDS)


def log_uncaught_exceptions() -> None:
    """Log the exception that ends a thread as an event."""

    def on_thread_end(raised: threading.ExceptHookArgs) -> None:
        name = raised.thread.name if raised.thread is not None else "unknown"
        if raised.exc_value is not None:
            logger.error("event=thread_ended name=%r", name, exc_info=raised.exc_value)

    threading.excepthook = on_thread_end
