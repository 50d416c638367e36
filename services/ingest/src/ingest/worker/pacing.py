"""Sending frames when they are due, for streams that are to arrive like live ones."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ingest.model.timing import Timed

P = TypeVar("P")


class Pacer:
    """Holds each picture back until it is due: pace seconds of video a second.

    A pace of None holds nothing back. The first picture is due at once. A late picture is
    never held, and the schedule does not move: lateness is caught up.
    """

    def __init__(
        self,
        pace: float | None,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        patience_seconds: float,
    ) -> None:
        """Take a monotonic clock in seconds, and what pauses for at most so many seconds."""
        self._pace = pace
        self._now = now
        self._sleep = sleep
        self._patience_seconds = patience_seconds
        self._late_seconds: float | None = None

    def due(self, pictures: Iterable[Timed[P]]) -> Iterator[Timed[P] | None]:
        """Yield pictures when they are due.

        Before a wait of more than patience_seconds there is a None, so that what was gathered
        is not kept waiting too.
        """
        if self._pace is None:
            yield from pictures
            return
        start: float | None = None
        for picture in pictures:
            due = picture.pts_ns / 1e9 / self._pace
            if start is None:
                start = self._now() - due
            if start + due - self._now() > self._patience_seconds:
                yield None
            while (wait := start + due - self._now()) > 0:
                self._sleep(wait)
            self._late_seconds = max(self._late_seconds or 0.0, -wait)
            yield picture

    def take_late_seconds(self) -> float | None:
        """Return how late the latest picture since the last call was; None for an unpaced one."""
        taken, self._late_seconds = self._late_seconds, None
        return taken
