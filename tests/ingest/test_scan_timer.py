"""How often the folder is looked at."""

import pytest
from ingest.supervisor.scan_timer import ScanTimer

from tests.ingest.clock import FakeClock


class Folder:
    """A folder, to scan at which takes time."""

    def __init__(self, clock: FakeClock, scan_seconds: float) -> None:
        self.clock = clock
        self.scan_seconds = scan_seconds
        self.due: float | None = None
        self.scans = 0
        self.is_gone = False
        self.has_backlog = False

    def scan(self) -> float | None:
        self.scans += 1
        self.clock.seconds += self.scan_seconds
        if self.is_gone:
            raise FileNotFoundError
        return self.due


@pytest.fixture
def folder() -> Folder:
    return Folder(FakeClock(100.0), 0.1)


@pytest.fixture
def schedule(folder: Folder) -> ScanTimer:
    return ScanTimer(
        folder.scan, 1.0, lambda: folder.has_backlog, now=folder.clock, used=folder.clock
    )


def test_the_first_look_is_due_at_once_and_the_next_after_a_rescan(
    folder: Folder, schedule: ScanTimer
) -> None:
    assert schedule.pause_seconds == 0
    schedule.scan()
    assert schedule.pause_seconds == pytest.approx(1.0)


def test_a_scan_is_due_when_a_file_is(folder: Folder, schedule: ScanTimer) -> None:
    folder.scan_seconds, folder.due = 0.0, 100.7
    schedule.scan()
    assert schedule.pause_seconds == pytest.approx(0.7)
    folder.due = 200.0
    schedule.scan()
    assert schedule.pause_seconds == pytest.approx(1.0)


def test_hints_bring_a_scan_soon(folder: Folder, schedule: ScanTimer) -> None:
    schedule.scan()
    schedule.hint()
    assert schedule.pause_seconds == pytest.approx(0.9)
    folder.clock.sleep(0.95)
    schedule.hint()
    assert schedule.pause_seconds == 0


def test_hints_without_end_leave_most_of_the_time_to_others(
    folder: Folder, schedule: ScanTimer
) -> None:
    began = folder.clock()
    folder.due = began
    while folder.clock() - began < 100:
        schedule.hint()
        if not schedule.pause_seconds:
            schedule.scan()
        folder.clock.sleep(0.01)
    assert folder.scans * folder.scan_seconds == pytest.approx(10, rel=0.1)


def test_scans_that_take_long_are_made_all_the_same(folder: Folder, schedule: ScanTimer) -> None:
    folder.scan_seconds = 30.0
    schedule.scan()
    assert schedule.pause_seconds == pytest.approx(1.0)
    schedule.hint()
    assert schedule.pause_seconds == pytest.approx(1.0)


def test_while_files_wait_anyway_neither_hints_nor_what_is_due_bring_a_look(
    folder: Folder, schedule: ScanTimer
) -> None:
    folder.scan_seconds, folder.due, folder.has_backlog = 0.001, 100.1, True
    schedule.scan()
    schedule.hint()
    assert schedule.pause_seconds == pytest.approx(1.0)
    folder.clock.sleep(0.2)
    folder.has_backlog = False
    assert schedule.pause_seconds == 0


@pytest.mark.parametrize(("scan_seconds", "pause_seconds"), [(0.04, 1.96), (0.3, 5.0)])
def test_while_files_wait_anyway_scans_are_the_rarer_the_longer_they_take(
    folder: Folder, schedule: ScanTimer, scan_seconds: float, pause_seconds: float
) -> None:
    folder.scan_seconds, folder.has_backlog = scan_seconds, True
    schedule.scan()
    assert schedule.pause_seconds == pytest.approx(pause_seconds)


def test_a_scan_that_fails_is_made_again(folder: Folder, schedule: ScanTimer) -> None:
    folder.is_gone = True
    with pytest.raises(FileNotFoundError):
        schedule.scan()
    assert schedule.pause_seconds == pytest.approx(1.0)
