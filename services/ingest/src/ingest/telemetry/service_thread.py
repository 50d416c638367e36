"""A thread that the service needs: it survives any exception."""

import logging
import threading
from collections.abc import Callable
from typing import Self

log = logging.getLogger(__name__)


class RepeatingThread:
    """Calls a function repeatedly, in a thread of its own. A context manager.

    Logs any exception of the function; the next round follows as usual.
    """

    def __init__(
        self,
        name: str,
        go_round: Callable[[], None],
        pause_seconds: Callable[[], float],
        *,
        end_seconds: float = 5.0,
    ) -> None:
        """Take the thread's name, the function of a round, and the pause before the next.

        At the end, waits at most end_seconds for the current round.
        """
        self._go_round = go_round
        self._pause_seconds = pause_seconds
        self._end_seconds = end_seconds
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.thread.join(self._end_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._go_round()
            except Exception:
                log.exception("event=round_failed thread=%s next='go on'", self.thread.name)
            self._stopping.wait(self._pause_seconds())
