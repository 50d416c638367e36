"""Drops frames: keeps every n-th, or at most so many a second."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import TypeVar

from ingest.model.timing import Timed

P = TypeVar("P")

# Matroska cuts times to milliseconds: a picture of 33 ms belongs to the second step of 30 a second.
_ROUNDED_NS = 1_000_000


def sampled(
    pictures: Iterable[Timed[P]], every_nth: int, rate: Fraction | None
) -> Iterator[Timed[P]]:
    """Pick pictures: each n-th, or at most rate a second; they keep the times that they have.

    With a rate, time is divided into equal steps from the first picture on, and the first
    picture of each step is kept. A video of fewer frames gets no more. Indices count the kept
    pictures; each lasts until the next kept one, and the last until the video's end.
    """
    if every_nth == 1 and rate is None:
        yield from pictures
        return
    wanted = _nth(every_nth) if rate is None else _steps(rate)
    held: Timed[P] | None = None
    index = 0
    for picture in pictures:
        end_ns = picture.pts_ns + picture.duration_ns
        if wanted(picture.index, picture.pts_ns):
            if held is not None:
                yield held
            held = replace(picture, index=index, is_last=False)
            index += 1
        if held is not None:
            held = replace(held, duration_ns=end_ns - held.pts_ns)
    if held is not None:
        yield replace(held, is_last=True)


def sampled_count(
    frame_count: int, frame_rate: Fraction | None, every_nth: int, rate: Fraction | None
) -> int:
    """Return about how many of frame_count pictures, frame_rate a second, sampled picks."""
    if rate is None or frame_rate is None:
        return ceil(frame_count / every_nth)
    return min(frame_count, ceil(frame_count * rate / frame_rate))


def _nth(every_nth: int) -> Callable[[int, int], bool]:
    return lambda index, _: index % every_nth == 0


def _steps(rate: Fraction) -> Callable[[int, int], bool]:
    taken = -1

    def wanted(_: int, pts_ns: int) -> bool:
        nonlocal taken
        step = int((pts_ns + _ROUNDED_NS) * rate / 1_000_000_000)
        if step <= taken:
            return False
        taken = step
        return True

    return wanted
