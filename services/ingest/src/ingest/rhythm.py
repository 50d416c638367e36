"""When to look at the folder: after a hint, when a file is due, and now and then."""

from collections.abc import Callable

# A look takes time for each file that lies there. However many arrive, one after the other,
# looks take a tenth of one core at most, or are made as seldom as when nothing happens.
_IDLE_TIMES = 9


class Rhythm:
    """Makes the looks, none of which begins before the one before has been paid for."""

    def __init__(
        self,
        look: Callable[[], float | None],
        rescan_seconds: float,
        now: Callable[[], float],
        used: Callable[[], float],
    ) -> None:
        """Take how to look, which returns when the next is due if it is known.

        now is a monotonic clock, used tells what this thread has had of a core, in seconds.
        """
        self._look = look
        self._rescan_seconds = rescan_seconds
        self._now = now
        self._used = used
        self._earliest = self._due = now()

    @property
    def pause_seconds(self) -> float:
        """For how long no look is due; 0 when one is."""
        return max(0.0, self._due - self._now())

    def hint(self) -> None:
        """Note that something has changed."""
        self._due = min(self._due, max(self._earliest, self._now()))

    def look(self) -> None:
        """Look now."""
        began, due = self._used(), None
        try:
            due = self._look()
        finally:
            now = self._now()
            paid_seconds = _IDLE_TIMES * (self._used() - began)
            # Never later: a look also shows other replicas that this one is alive.
            latest = now + self._rescan_seconds
            self._earliest = min(now + paid_seconds, latest)
            self._due = max(self._earliest, latest if due is None else min(due, latest))
