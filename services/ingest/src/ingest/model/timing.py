"""Computes when each picture is shown: exact, increasing times without gaps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Generic, TypeVar

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)

_NS = 1_000_000_000
# How many later pictures are considered if a time is doubtful. They are held meanwhile.
_AHEAD = 6
# A step this many times as long as the one before and the nominal one is doubtful.
_LONG_STEPS = 3
# No camera pauses for longer than a year.
_LONGEST_STEP_NS = 366 * 24 * 3600 * _NS
# Beyond this, 146 years, the container's times are not used, and steps are at most a second, so
# that all times fit into 64 bits.
_LATEST_NS = 1 << 62
# A clock has restarted if this many times more pictures follow the new clock than the old one.
_MANY_MORE = 3

_NONE = "the container states no time"
_NOT_AFTER = "the container's time is not after the frame before"
_NOT_BEFORE = "the container's time is not before the frames behind it"
_LEAP = "the container's time is more than a year after the frame before"
_ANEW = "the container's clock begins anew"


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

    The first is at 0, and each is later than the one before. A picture lasts until the next,
    the last one for its own duration or for nominal seconds. Each is yielded once the next is
    known. If the next time is doubtful (missing, not after the picture before, or long after
    it), _AHEAD more pictures are read. Then as many pictures as possible keep the container's
    times; those between them are placed evenly, or nominally if there is room. If time goes back
    or leaps and the later pictures follow, the clock has restarted: that picture is placed
    nominally, and the later ones as the container says from there.

    The result depends only on the input, so a resumed run gets the same times.
    """
    line = _TimeLine(iter(pictures), nominal)
    index = 0
    while line.settle():
        first, lasts_ns = line.take()
        is_last = not line.waiting
        yield Timed(first.stamped.picture, index, first.ns, lasts_ns, is_last, first.repaired)
        index += 1


@dataclass(slots=True)
class _Waiting(Generic[P]):
    """A picture on the time line; ns is the clock's time until the picture is settled."""

    stamped: Stamped[P]
    ns: int
    is_stated: bool
    is_settled: bool = False
    repaired: str | None = None

    def place(self, ns: int, repaired: str | None) -> None:
        """Settle its time; repaired says why it is not the clock's time."""
        self.ns, self.repaired, self.is_settled = ns, repaired, True


class _TimeLine(Generic[P]):
    """The pictures that wait to be yielded, and the clock that places them."""

    def __init__(self, pictures: Iterator[Stamped[P]], nominal: Fraction) -> None:
        self.waiting: list[_Waiting[P]] = []
        self._before_ns: int | None = None  # where the picture stands that was taken last
        self._pictures = pictures
        self._nominal_ns = min(max(1, _nanoseconds(nominal)), _LONGEST_STEP_NS)
        self._lasted_ns = self._nominal_ns
        self._start: Fraction | None = None

    def settle(self) -> bool:
        """Settle the first waiting picture and the next; False if none waits."""
        self._fill(2)
        for number in range(min(2, len(self.waiting))):
            if not self.waiting[number].is_settled:
                if self._is_plain(number):
                    self.waiting[number].is_settled = True
                else:
                    self._fill(1 + _AHEAD)
                    self._settle_from(number)
        return bool(self.waiting)

    def take(self) -> tuple[_Waiting[P], int]:
        """Remove the first picture; return it and its duration."""
        first = self.waiting.pop(0)
        self._before_ns = first.ns
        if self.waiting:
            self._lasted_ns = self.waiting[0].ns - first.ns
            return first, self._lasted_ns
        stated = first.stamped.duration
        own_ns = self._nominal_ns if stated is None else max(1, _nanoseconds(stated))
        return first, own_ns if own_ns <= _LONGEST_STEP_NS else self._step_ns(first.ns)

    def _fill(self, count: int) -> None:
        lacking = count - len(self.waiting)
        for stamped in islice(self._pictures, lacking) if lacking > 0 else ():
            if self._start is None:
                due_ns = self._due_ns(len(self.waiting))
                if stamped.pts is None:  # and no clock to which it could return
                    self.waiting.append(_Waiting(stamped, due_ns, False, True, _NONE))
                    continue
                self._start = stamped.pts - Fraction(due_ns, _NS)
            self.waiting.append(_Waiting(stamped, *self._stated(stamped)))

    def _stated(self, stamped: Stamped[P]) -> tuple[int, bool]:
        if stamped.pts is None or self._start is None:
            return 0, False
        pts, start = stamped.pts, self._start
        # What _nanoseconds makes of their difference, without a fraction's common factors.
        dividend = (pts.numerator * start.denominator - start.numerator * pts.denominator) * _NS
        divisor = pts.denominator * start.denominator
        whole, rest = divmod(dividend, divisor)
        return whole + (2 * rest > divisor or (2 * rest == divisor and whole & 1)), True

    def _is_plain(self, number: int) -> bool:
        """Whether a picture can keep the clock's time, judging by the pictures up to it.

        The very first picture is checked together with the next one.
        """
        before_ns, this = self._before(number), self.waiting[number]
        if before_ns is None:
            before_ns, this = this.ns, self.waiting[min(1, len(self.waiting) - 1)]
            if this.ns == before_ns and len(self.waiting) == 1:
                return True
        longest_ns = _LONG_STEPS * max(self._lasted_ns, self._nominal_ns)
        return this.is_stated and 0 < this.ns - before_ns <= longest_ns and this.ns <= _LATEST_NS

    def _settle_from(self, first: int) -> None:
        """Settle the picture of this number, and those behind it up to one that keeps its time."""
        before_ns = self.waiting[first - 1].ns if first else self._before_ns
        kept, anew = self._longest(first, before_ns), self._longest(first, None)
        if not kept or (kept[0] > first and _MANY_MORE * len(kept) < len(anew)):
            self._leave_the_clock(first, has_begun_anew=len(anew) > 1 and anew[0] == first)
            return
        doubtful = kept[0] - first
        if before_ns is None and doubtful:  # the very first: the one that is kept is the start
            self._set_clock(kept[0], doubtful * self._nominal_ns)
        until_ns = self.waiting[kept[0]].ns
        before_ns = -self._nominal_ns if before_ns is None else before_ns
        has_room = before_ns + doubtful * self._nominal_ns < until_ns
        for number, waiting in enumerate(self.waiting[first : kept[0]], 1):
            even_ns = before_ns + (until_ns - before_ns) * number // (doubtful + 1)
            reason = self._reason(waiting, before_ns)
            waiting.place(before_ns + number * self._nominal_ns if has_room else even_ns, reason)
        self.waiting[kept[0]].place(until_ns, None)

    def _leave_the_clock(self, number: int, *, has_begun_anew: bool) -> None:
        """Place a picture nominally; reset the clock to it if the clock has restarted."""
        waiting, due_ns = self.waiting[number], self._due_ns(number)
        if has_begun_anew:
            self._set_clock(number, due_ns)
        reason = _ANEW if has_begun_anew else self._reason(waiting, self._before(number))
        waiting.place(due_ns, reason)

    def _set_clock(self, number: int, ns: int) -> None:
        """Have the clock say ns for a picture; those that are settled stay where they are."""
        pts = self.waiting[number].stamped.pts
        assert pts is not None, "it states a time"
        self._start = pts - Fraction(ns, _NS)
        for waiting in self.waiting:
            if not waiting.is_settled:
                waiting.ns, waiting.is_stated = self._stated(waiting.stamped)

    def _longest(self, first: int, before_ns: int | None) -> list[int]:
        """Return the numbers of the most pictures, from first on, that can keep their times.

        That is in order, with a nanosecond at least for each picture between, and behind
        before_ns. Of several such choices the one whose steps are nearest to the nominal one.
        """
        best: dict[int, tuple[int, int, int | None]] = {}  # length and what it costs, by its end
        for number in range(first, len(self.waiting)):
            one = self.waiting[number]
            if not one.is_stated or one.is_settled:
                continue
            found: list[tuple[int, int, int | None]] = []
            if before_ns is None:
                found.append((-1, 0, None))
            elif one.ns <= _LATEST_NS and self._follows(one.ns, before_ns, number - first + 1):
                found.append((-1, self._cost(one.ns, before_ns), None))
            for earlier, (length, cost, _) in best.items():
                step = one.ns, self.waiting[earlier].ns, number - earlier
                if (before_ns is None or one.ns <= _LATEST_NS) and self._follows(*step):
                    found.append((length - 1, cost + self._cost(*step[:2]), earlier))
            if found:
                best[number] = min(found, key=lambda each: each[:2])
        chain: list[int] = []
        end = min(best, key=lambda number: best[number][:2], default=None)
        while end is not None:
            chain.append(end)
            end = best[end][2]
        return chain[::-1]

    def _follows(self, ns: int, earlier_ns: int, apart: int) -> bool:
        return apart <= ns - earlier_ns <= _LONGEST_STEP_NS

    def _cost(self, ns: int, earlier_ns: int) -> int:
        return abs(ns - earlier_ns - self._nominal_ns)

    def _before(self, number: int) -> int | None:
        return self.waiting[number - 1].ns if number else self._before_ns

    def _due_ns(self, number: int) -> int:
        """Return where a picture stands that is nominally after the one before; the first at 0."""
        before_ns = self._before(number)
        return 0 if before_ns is None else before_ns + self._step_ns(before_ns)

    def _step_ns(self, before_ns: int) -> int:
        return self._nominal_ns if before_ns < _LATEST_NS else min(self._nominal_ns, _NS)

    def _reason(self, waiting: _Waiting[P], before_ns: int | None) -> str:
        if not waiting.is_stated:
            return _NONE
        if before_ns is not None and waiting.ns <= before_ns:
            return _NOT_AFTER
        if before_ns is not None and waiting.ns - before_ns > _LONGEST_STEP_NS:
            return _LEAP
        return _NOT_BEFORE


def _nanoseconds(seconds: Fraction) -> int:
    return round(seconds * _NS)
