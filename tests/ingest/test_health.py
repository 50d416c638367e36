"""Health answers at once from what was found beside it, and says when that is old."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ingest.api.health import Health
from ingest.telemetry.service_thread import RepeatingThread

from tests.ingest.clock import FakeClock
from tests.support.processes import wait_for


class Check:
    """What is found, or a check that does not come back."""

    def __init__(self, found: str | Exception | None = None) -> None:
        self.found = found
        self.rounds = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self) -> str | None:
        found = self.found
        self.may_end.wait()
        self.rounds += 1
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def check() -> Iterator[Check]:
    made = Check()
    yield made
    made.may_end.set()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@contextmanager
def looked_at(health: Health, check: Check) -> Iterator[Health]:
    """Give a health that has made its first check."""
    with health:
        wait_for(lambda: "just been started" not in (health.ready() or ""))
        yield health


def test_before_the_first_check_has_ended_it_is_not_ready(check: Check, clock: FakeClock) -> None:
    check.may_end.clear()
    with Health(check, clock) as health:
        assert "just been started" in (health.ready() or "")
        clock.sleep(21)
        assert "has not answered since its start, 21 s ago" in (health.ready() or "")
        assert health.alive() is None


def test_a_check_is_dated_when_it_ends(check: Check, clock: FakeClock) -> None:
    """One that takes long and finds all well then holds from its end on, not from its start."""
    check.may_end.clear()
    with Health(check, clock) as health:
        clock.sleep(19)
        check.may_end.set()
        wait_for(lambda: health.ready() is None)
        clock.sleep(19)
        assert health.ready() is None


def test_a_check_that_hangs_is_told_of_and_holds_nobody_up(check: Check, clock: FakeClock) -> None:
    with looked_at(Health(check, clock), check) as health:
        assert health.ready() is None
        check.may_end.clear()
        clock.sleep(20.5)
        assert "20 s ago" in (health.ready() or "")
        assert health.alive() is None


def test_what_is_raised_in_a_check_is_told_and_the_next_is_made(clock: FakeClock) -> None:
    check = Check(ValueError("a fault"))
    with looked_at(Health(check, clock), check) as health:
        assert "its log says why" in (health.ready() or "")
        check.found = None
        wait_for(lambda: health.ready() is None)
        assert health.alive() is None


def test_what_is_found_is_told(clock: FakeClock) -> None:
    check = Check("Kafka does not answer.")
    with looked_at(Health(check, clock), check) as health:
        assert health.ready() == "Kafka does not answer."
        assert health.alive() is None


def test_a_main_loop_that_stands_still_ends_the_service(check: Check, clock: FakeClock) -> None:
    health = Health(check, clock)
    clock.sleep(60)
    assert health.alive() is None
    clock.sleep(1)
    assert "has stood still for 61 s" in (health.alive() or "")
    health.tick()
    assert health.alive() is None


def test_a_thread_that_has_ended_ends_the_service(check: Check, clock: FakeClock) -> None:
    over = threading.Event()
    needed = threading.Thread(target=over.wait, name="needed")
    health = Health(check, clock, lambda: [needed])
    assert health.alive() is None  # it has not been started yet
    needed.start()
    assert health.alive() is None
    over.set()
    needed.join()
    assert health.alive() == "The thread 'needed' has ended: restart ingest."


def test_a_thread_goes_on_after_what_is_raised_in_it(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []

    def go_round() -> None:
        rounds.append(len(rounds))
        raise LookupError

    with RepeatingThread("striker", go_round, lambda: 0.0) as striker:
        wait_for(lambda: len(rounds) > 2)
        assert striker.thread.is_alive()
    assert not striker.thread.is_alive()
    assert "event=round_failed thread=striker" in caplog.text
