"""Hints of a change go on, whatever becomes of the folder and of watchdog's threads."""

import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest
from ingest.inbox.folder_notifications import Watcher

from tests.ingest.clock import FakeClock
from tests.support.processes import wait_for


def hinted(watcher: Watcher) -> bool:
    return bool(select.select([watcher], [], [], 0)[0]) and watcher.clear()


def kill_observer(watcher: Watcher, _: Path) -> None:
    assert watcher._observer is not None
    watcher._observer.stop()
    watcher._observer.join()


def make_folder_anew(_: Watcher, folder: Path) -> None:
    folder.rmdir()
    folder.mkdir()


@pytest.mark.parametrize("end", [kill_observer, make_folder_anew])
def test_a_watch_that_has_ended_is_put_up_again(
    tmp_path: Path, end: Callable[[Watcher, Path], None]
) -> None:
    clock, folder = FakeClock(), tmp_path / "incoming"
    folder.mkdir()
    with Watcher(folder, clock) as watcher:
        (folder / "one").touch()
        wait_for(lambda: hinted(watcher))
        (folder / "one").unlink()
        end(watcher, folder)
        wait_for(lambda: not watcher._watches)
        clock.sleep(5)
        watcher.clear()
        watcher.mend()
        assert watcher.clear(), "what came meanwhile is looked for"
        (folder / "two").touch()
        wait_for(lambda: hinted(watcher))


def test_a_watch_that_can_not_be_put_up_is_tried_again(tmp_path: Path) -> None:
    clock, folder = FakeClock(), tmp_path / "incoming"
    with Watcher(folder, clock) as watcher:
        folder.mkdir()
        watcher.mend()
        assert not watcher._watches, "not at once: it may fail again and again"
        clock.sleep(5)
        watcher.mend()
        assert watcher._watches


def test_nothing_is_put_up_where_all_is_well(tmp_path: Path) -> None:
    clock = FakeClock()
    with Watcher(tmp_path, clock) as watcher:
        before = watcher._observer
        clock.sleep(3600)
        watcher.mend()
        assert watcher._observer is before
        assert not watcher.clear()


def test_many_hints_never_block(tmp_path: Path) -> None:
    with Watcher(tmp_path) as watcher:
        os.set_blocking(watcher.fileno(), False)
        for _ in range(100_000):
            watcher.wake()
        assert watcher.clear()
        assert not watcher.clear()
