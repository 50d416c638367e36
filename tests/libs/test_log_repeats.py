"""What happens again and again is said less and less often."""

from framelog_service.log_repeats import Repeats

from tests.ingest.clock import FakeClock


def said(repeats: Repeats, clock: FakeClock, seconds: int, fault: str = "away") -> dict[int, int]:
    """Have a fault once a second; return when it was said, and how often it was left out before."""
    times = {}
    for second in range(seconds):
        if (count := repeats.left_out(fault)) is not None:
            times[second] = count
        clock.seconds += 1
    return times


def test_a_fault_is_said_at_once_and_after_pauses_that_double() -> None:
    clock = FakeClock()
    repeats = Repeats(clock, shortest_seconds=10, longest_seconds=40)
    assert said(repeats, clock, 160) == {0: 0, 10: 9, 30: 19, 70: 39, 110: 39, 150: 39}


def test_a_fault_that_was_away_for_as_long_as_its_pause_is_said_at_once_again() -> None:
    clock = FakeClock()
    repeats = Repeats(clock, shortest_seconds=10, longest_seconds=40)
    said(repeats, clock, 15)
    clock.seconds += 30
    assert said(repeats, clock, 12) == {0: 4, 10: 9}


def test_each_fault_is_counted_for_itself() -> None:
    clock = FakeClock()
    repeats = Repeats(clock)
    assert [repeats.left_out(fault) for fault in ("a", "b", "a", "b")] == [0, 0, None, None]


def test_memory_is_bounded() -> None:
    clock = FakeClock()
    repeats = Repeats(clock)
    for number in range(5000):
        clock.seconds += 1e-6
        assert repeats.left_out(number) == 0
    assert repeats.left_out(4999) is None
    assert repeats.left_out(0) == 0
