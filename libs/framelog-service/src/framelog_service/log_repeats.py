"""Saying less often what happens again and again."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

_MOST_KNOWN = 1000


@dataclass
class _Known:
    said: float
    seen: float
    pause_seconds: float
    unsaid: int = 0


class Repeats:
    """Has a fault said at once, and while it lasts after pauses that double, with a count.

    One that has not been seen for longer than its pause is said at once again.
    """

    def __init__(
        self,
        now: Callable[[], float],
        shortest_seconds: float = 10.0,
        longest_seconds: float = 640.0,
    ) -> None:
        """Take a monotonic clock in seconds, and the first pause and the last."""
        self._now = now
        self._shortest_seconds = shortest_seconds
        self._longest_seconds = longest_seconds
        self._known: dict[Hashable, _Known] = {}

    def left_out(self, fault: Hashable) -> int | None:
        """Note a fault; return how many times it was not said since it last was.

        None: it is not to be said now either.
        """
        now = self._now()
        known = self._known.get(fault)
        if known is None:
            self._make_room()
            self._known[fault] = _Known(now, now, self._shortest_seconds)
            return 0
        quiet_seconds, known.seen = now - known.seen, now
        if quiet_seconds > known.pause_seconds:
            pause_seconds = self._shortest_seconds
        elif now - known.said >= known.pause_seconds:
            pause_seconds = min(2 * known.pause_seconds, self._longest_seconds)
        else:
            known.unsaid += 1
            return None
        self._known[fault] = _Known(now, now, pause_seconds)
        return known.unsaid

    def _make_room(self) -> None:
        """Forget the fault that was seen longest ago, where too many are known."""
        if len(self._known) >= _MOST_KNOWN:
            del self._known[min(self._known, key=lambda fault: self._known[fault].seen)]
