"""Decides when to scan the folders: after a hint, when a file is due, and periodically."""

from collections.abc import Callable

# A scan takes time for each file in the folder. Scans use at most a tenth of one core, or run at
# the idle interval if that is shorter. While a backlog waits, they use at most a fiftieth, or run
# every five seconds.
_IDLE_TIMES = 9
_UNHURRIED_TIMES = 49
_UNHURRIED_SECONDS = 5.0


class ScanTimer:
    """Scans, and spaces scans so that they use a bounded share of a core. For one thread."""

    def __init__(
        self,
        scan: Callable[[], float | None],
        rescan_seconds: float,
        has_backlog: Callable[[], bool],
        *,
        now: Callable[[], float],
        used: Callable[[], float],
    ) -> None:
        """Take the scan, which returns when the next one is due if that is known.

        While has_backlog is true, a new file could not start at once anyway. now is a monotonic
        clock, used returns the CPU time of this thread, in seconds.
        """
        self._scan = scan
        self._rescan_seconds = rescan_seconds
        self._has_backlog = has_backlog
        self._now = now
        self._used = used
        self._earliest = self._due = self._unhurried = now()

    @property
    def pause_seconds(self) -> float:
        """The time until a scan is due; 0 if one is due now."""
        due = self._unhurried if self._has_backlog() else self._due
        return max(0.0, due - self._now())

    def hint(self) -> None:
        """Note that something has changed: scan soon."""
        self._due = min(self._due, max(self._earliest, self._now()))

    def scan(self) -> None:
        """Scan now."""
        began, due = self._used(), None
        try:
            due = self._scan()
        finally:
            now, paid_seconds = self._now(), self._used() - began
            latest = now + self._rescan_seconds
            self._earliest = min(now + _IDLE_TIMES * paid_seconds, latest)
            self._due = max(self._earliest, latest if due is None else min(due, latest))
            unhurried_seconds = min(_UNHURRIED_TIMES * paid_seconds, _UNHURRIED_SECONDS)
            self._unhurried = max(latest, now + unhurried_seconds)
