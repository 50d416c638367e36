"""When each picture is shown: the container's times, made exact and gapless."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Stamped(Generic[P_co]):
    """A picture as the decoder gave it: pts and duration in seconds, None when not stated."""

    picture: P_co
    pts: Fraction | None
    duration: Fraction | None


@dataclass(frozen=True, slots=True)
class Timed(Generic[P_co]):
    """A picture with its place in the stream; times in nanoseconds from the first picture."""

    picture: P_co
    index: int
    pts_ns: int
    duration_ns: int
    is_last: bool
    repaired: str | None
    """Why the container's own time was not used; None when it was."""


def timed(pictures: Iterable[Stamped[P]], nominal: Fraction) -> Iterator[Timed[P]]:
    """Place pictures, which come in presentation order, on the stream's time line.

    The first is at 0. A picture without a time, or with one that is not after the picture
    before it, is shown nominal seconds after that one, and says so. A picture lasts until
    the next, the last one for its own duration or for nominal. Each picture is given out
    when the next is known.
    """
    nominal_ns = max(1, _nanoseconds(nominal))
    start: Fraction | None = None
    index, held_ns = -1, -nominal_ns
    held: tuple[Stamped[P], str | None] | None = None
    for stamped in pictures:
        if start is None and stamped.pts is not None:
            start = stamped.pts - Fraction(held_ns + nominal_ns, _NS)
        pts_ns, repaired = held_ns + nominal_ns, None
        if stamped.pts is None or start is None:
            repaired = "the container states no time"
        elif (stated_ns := _nanoseconds(stamped.pts - start)) > held_ns:
            pts_ns = stated_ns
        else:
            repaired = "the container's time is not after the frame before"
        if held is not None:
            yield Timed(held[0].picture, index, held_ns, pts_ns - held_ns, False, held[1])
        index, held_ns, held = index + 1, pts_ns, (stamped, repaired)
    if held is not None:
        last = held[0].duration
        last_ns = nominal_ns if last is None else max(1, _nanoseconds(last))
        yield Timed(held[0].picture, index, held_ns, last_ns, True, held[1])


def _nanoseconds(seconds: Fraction) -> int:
    return round(seconds * _NS)
