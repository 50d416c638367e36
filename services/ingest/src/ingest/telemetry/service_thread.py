"""A thread that the service needs: whatever is raised in it, it goes on."""

import logging
import threading
from collections.abc import Callable
from typing import Self

log = logging.getLogger(__name__)


class RepeatingThread:
    """Calls a function again and again, in a thread of its own. A context manager.

    What the function raises is logged, and the next round begins as after any other.
    """

    def __init__(
        self,
        name: str,
        go_round: Callable[[], None],
        pause_seconds: Callable[[], float],
        *,
        end_seconds: float = 5.0,
    ) -> None:
        """Take the thread's name, what a round is, and how long to wait before the next.

        At the end the round under way is waited for, for end_seconds at most.
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
