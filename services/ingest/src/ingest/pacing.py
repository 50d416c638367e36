"""Sending frames when they are due, for streams that are to arrive like live ones."""

from collections.abc import Callable, Iterable, Iterator

from ingest.source import Picture
from ingest.timing import Timed


def paced(
    pictures: Iterable[Timed[Picture]],
    pace: float | None,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    patience_seconds: float,
) -> Iterator[Timed[Picture] | None]:
    """Hold each picture back until it is due: pace seconds of video a second; None holds nothing.

    The first picture is due at once. Before a wait of more than patience_seconds there is a
    None, so that what was gathered is not kept waiting too. A late picture is never held, and
    the schedule does not move: lateness is caught up.
    """
    if pace is None:
        yield from pictures
        return
    start: float | None = None
    for picture in pictures:
        due = picture.pts_ns / 1e9 / pace
        if start is None:
            start = now() - due
        if start + due - now() > patience_seconds:
            yield None
        while (wait := start + due - now()) > 0:
            sleep(wait)
        yield picture
