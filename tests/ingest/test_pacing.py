"""Frames held back until they are due."""

from collections.abc import Iterator

import pytest
from ingest.media.picture_source import Picture
from ingest.model.timing import Timed
from ingest.pixels.orientation import UPRIGHT
from ingest.worker.pacing import Pacer

from tests.ingest.clock import FakeClock
from tests.ingest.pictures import flat

PATIENCE_SECONDS = 0.25


def pictures(*seconds: float) -> list[Timed[Picture]]:
    picture = Picture(flat(16, 16, "gray", [128]), UPRIGHT)
    return [
        Timed(picture, index, round(at * 10**9), 1, index == len(seconds) - 1, None)
        for index, at in enumerate(seconds)
    ]


def schedule(
    clock: FakeClock, due: Iterator[Timed[Picture] | None], taking_seconds: float = 0.0
) -> list[tuple[int | None, float]]:
    """Return which picture (None: a pause) came at which second; each keeps the caller busy."""
    began, came = clock.seconds, []
    for picture in due:
        came.append((picture.index if picture else None, round(clock.seconds - began, 6)))
        clock.seconds += taking_seconds if picture else 0.0
    return came


def held(clock: FakeClock, pace: float | None, *seconds: float) -> Iterator[Timed[Picture] | None]:
    return Pacer(pace, clock, clock.sleep, PATIENCE_SECONDS).due(pictures(*seconds))


def test_fast_holds_nothing_back() -> None:
    clock = FakeClock()
    assert schedule(clock, held(clock, None, 0, 10, 20)) == [(0, 0), (1, 0), (2, 0)]
    assert clock.slept == []


def test_realtime_sends_each_picture_when_it_is_due() -> None:
    clock = FakeClock()
    assert schedule(clock, held(clock, 1.0, 0, 0.04, 0.1)) == [(0, 0), (1, 0.04), (2, 0.1)]


@pytest.mark.parametrize(("pace", "second"), [(2.0, 0.02), (0.5, 0.08), (1000.0, 0.00004)])
def test_a_factor_scales_time(pace: float, second: float) -> None:
    clock = FakeClock()
    assert schedule(clock, held(clock, pace, 0, 0.04)) == [(0, 0), (1, second)]


def test_the_first_picture_of_a_resumed_stream_is_due_at_once() -> None:
    clock = FakeClock()
    assert schedule(clock, held(clock, 1.0, 3600, 3600.04)) == [(0, 0), (1, 0.04)]


def test_a_long_wait_is_announced_and_a_short_one_is_not() -> None:
    clock = FakeClock()
    came = schedule(clock, held(clock, 1.0, 0, 0.25, 0.6))
    assert came == [(0, 0), (1, 0.25), (None, 0.25), (2, 0.6)]


def test_lateness_is_caught_up() -> None:
    clock = FakeClock()
    due = held(clock, 1.0, 0, 0.04, 0.08, 0.2, 0.24)
    came = schedule(clock, due, taking_seconds=0.1)
    assert came == [(0, 0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    clock = FakeClock()
    one_late = held(clock, 1.0, 0, 0.04, 0.08)
    next(one_late)
    clock.seconds += 0.07
    assert schedule(clock, one_late) == [(1, 0), (2, 0.01)]


def test_a_sleep_that_ends_early_is_continued() -> None:
    clock = FakeClock()
    pacer = Pacer(1.0, clock, lambda seconds: clock.sleep(min(seconds, 5)), PATIENCE_SECONDS)
    due = pacer.due(pictures(0, 12))
    assert schedule(clock, due)[-1] == (1, 12)
    assert clock.slept == [5, 5, 2]


def test_lateness_is_told_once_and_only_of_a_paced_stream() -> None:
    clock = FakeClock()
    pacer = Pacer(1.0, clock, clock.sleep, PATIENCE_SECONDS)
    due = pacer.due(pictures(0, 0.04, 0.08))
    next(due)
    clock.seconds += 0.1
    list(due)
    assert pacer.take_late_seconds() == pytest.approx(0.06)
    assert pacer.take_late_seconds() is None
    fast = Pacer(None, clock, clock.sleep, PATIENCE_SECONDS)
    list(fast.due(pictures(0, 1)))
    assert fast.take_late_seconds() is None
