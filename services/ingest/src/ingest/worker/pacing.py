"""Paces a stream: yields each frame when it is due, as a live source would."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ingest.model.timing import Timed

P = TypeVar("P")


class Pacer:
    """Holds each picture back until it is due: pace seconds of video a second.

    With a pace of None, all pictures are due at once. The first picture is always due at once.
    The schedule does not move: after a delay, pictures catch up.
    """

    def __init__(
        self,
        pace: float | None,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        patience_seconds: float,
    ) -> None:
        """Take a monotonic clock in seconds, and a function that sleeps up to its argument."""
        self._pace = pace
        self._now = now
        self._sleep = sleep
        self._patience_seconds = patience_seconds
        self._late_seconds: float | None = None

    def due(self, pictures: Iterable[Timed[P]]) -> Iterator[Timed[P] | None]:
        """Yield pictures when they are due.

        Yields None before a wait of more than patience_seconds, so that the frames gathered so
        far are sent first.
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
        """Return the greatest delay since the last call; None for an unpaced stream."""
        taken, self._late_seconds = self._late_seconds, None
        return taken
