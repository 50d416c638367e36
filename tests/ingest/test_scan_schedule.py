"""How often the folder is looked at."""

import pytest
from ingest.supervisor.scan_schedule import Rhythm

from tests.ingest.clock import FakeClock


class Folder:
    """A folder, to look at which takes time."""

    def __init__(self, clock: FakeClock, look_seconds: float) -> None:
        self.clock = clock
        self.look_seconds = look_seconds
        self.due: float | None = None
        self.looks = 0
        self.is_gone = False
        self.has_backlog = False

    def look(self) -> float | None:
        self.looks += 1
        self.clock.seconds += self.look_seconds
        if self.is_gone:
            raise FileNotFoundError
        return self.due


@pytest.fixture
def folder() -> Folder:
    return Folder(FakeClock(100.0), 0.1)


@pytest.fixture
def rhythm(folder: Folder) -> Rhythm:
    return Rhythm(folder.look, 1.0, lambda: folder.has_backlog, now=folder.clock, used=folder.clock)


def test_the_first_look_is_due_at_once_and_the_next_after_a_rescan(
    folder: Folder, rhythm: Rhythm
) -> None:
    assert rhythm.pause_seconds == 0
    rhythm.look()
    assert rhythm.pause_seconds == pytest.approx(1.0)


def test_a_look_is_due_when_a_file_is(folder: Folder, rhythm: Rhythm) -> None:
    folder.look_seconds, folder.due = 0.0, 100.7
    rhythm.look()
    assert rhythm.pause_seconds == pytest.approx(0.7)
    folder.due = 200.0
    rhythm.look()
    assert rhythm.pause_seconds == pytest.approx(1.0)


def test_hints_bring_a_look_soon(folder: Folder, rhythm: Rhythm) -> None:
    rhythm.look()
    rhythm.hint()
    assert rhythm.pause_seconds == pytest.approx(0.9)
    folder.clock.sleep(0.95)
    rhythm.hint()
    assert rhythm.pause_seconds == 0


def test_hints_without_end_leave_most_of_the_time_to_others(folder: Folder, rhythm: Rhythm) -> None:
    began = folder.clock()
    folder.due = began
    while folder.clock() - began < 100:
        rhythm.hint()
        if not rhythm.pause_seconds:
            rhythm.look()
        folder.clock.sleep(0.01)
    assert folder.looks * folder.look_seconds == pytest.approx(10, rel=0.1)


def test_looks_that_take_long_are_made_all_the_same(folder: Folder, rhythm: Rhythm) -> None:
    folder.look_seconds = 30.0
    rhythm.look()
    assert rhythm.pause_seconds == pytest.approx(1.0)
    rhythm.hint()
    assert rhythm.pause_seconds == pytest.approx(1.0)


def test_while_files_wait_anyway_neither_hints_nor_what_is_due_bring_a_look(
    folder: Folder, rhythm: Rhythm
) -> None:
    folder.look_seconds, folder.due, folder.has_backlog = 0.001, 100.1, True
    rhythm.look()
    rhythm.hint()
    assert rhythm.pause_seconds == pytest.approx(1.0)
    folder.clock.sleep(0.2)
    folder.has_backlog = False
    assert rhythm.pause_seconds == 0


@pytest.mark.parametrize(("look_seconds", "pause_seconds"), [(0.04, 1.96), (0.3, 5.0)])
def test_while_files_wait_anyway_looks_are_the_rarer_the_longer_they_take(
    folder: Folder, rhythm: Rhythm, look_seconds: float, pause_seconds: float
) -> None:
    folder.look_seconds, folder.has_backlog = look_seconds, True
    rhythm.look()
    assert rhythm.pause_seconds == pytest.approx(pause_seconds)


def test_a_look_that_fails_is_made_again(folder: Folder, rhythm: Rhythm) -> None:
    folder.is_gone = True
    with pytest.raises(FileNotFoundError):
        rhythm.look()
    assert rhythm.pause_seconds == pytest.approx(1.0)
