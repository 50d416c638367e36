"""Where a pipeline of generators spends its time."""

from collections.abc import Iterator

import pytest
from ingest.telemetry.stopwatch import Stopwatch

from tests.ingest.clock import FakeClock


def working(clock: FakeClock, seconds: float, items: Iterator[int]) -> Iterator[int]:
    """Pass items on, each after some work."""
    for item in items:
        clock.seconds += seconds
        yield item


def test_each_stage_has_its_own_time_alone() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(clock)
    decoded = stopwatch.timing("decode", working(clock, 2.0, iter(range(3))))
    encoded = stopwatch.timing("encode", working(clock, 5.0, decoded))
    for item in encoded:
        clock.seconds += 100  # the caller's own
        assert item in range(3)
    assert stopwatch.take() == {"decode": 6.0, "encode": 15.0}


def test_time_is_taken_once() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(clock)
    decoded = stopwatch.timing("decode", working(clock, 2.0, iter(range(3))))
    next(decoded)
    assert stopwatch.take() == {"decode": 2.0}
    assert stopwatch.take() == {}
    next(decoded)
    assert stopwatch.take() == {"decode": 2.0}


def test_the_time_before_an_error_counts() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(clock)

    def fail(_: int) -> int:
        clock.seconds += 3.0
        raise LookupError

    with pytest.raises(LookupError):
        next(stopwatch.timing("decode", map(fail, [0])))
    clock.seconds += 50
    assert stopwatch.take() == {"decode": 3.0}


def test_a_block_is_timed_without_what_is_timed_in_it() -> None:
    clock = FakeClock()
    stopwatch = Stopwatch(clock)
    with stopwatch.during("commit"):
        clock.seconds += 1.0
        with stopwatch.during("serialize"):
            clock.seconds += 4.0
        clock.seconds += 2.0
    clock.seconds += 50
    assert stopwatch.take() == {"commit": 3.0, "serialize": 4.0}
