"""Several replicas on one folder: claims, and taking over from the dead."""

import os
import threading
from pathlib import Path

import pytest
from ingest.inbox.folders import BEAT_SECONDS, Folders

from tests.ingest.clock import FakeClock
from tests.ingest.replicas import TAKEOVER_SECONDS, claimed, drop, replica


def test_of_two_replicas_one_gets_the_file(tmp_path: Path) -> None:
    with replica(tmp_path, "one") as one, replica(tmp_path, "two") as two:
        for number in range(200):
            path = drop(one, f"{number}.mp4")
            start = threading.Barrier(2)
            results: list[Path | None] = []

            def take(
                folders: Folders,
                path: Path = path,
                start: threading.Barrier = start,
                results: list[Path | None] = results,
            ) -> None:
                start.wait(60)
                results.append(folders.claim(path))

            threads = [threading.Thread(target=take, args=(each,)) for each in (one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert results.count(None) == 1, results
            (mine,) = (result for result in results if result is not None)
            assert mine.exists()
            assert one.owns(mine) != two.owns(mine)


def test_a_living_replica_keeps_its_files(tmp_path: Path) -> None:
    clock = FakeClock()
    with replica(tmp_path, "one") as one, replica(tmp_path, "two", clock) as two:
        path = claimed(one)
        for beat in range(1, 20):
            alive = path.parent / ".alive"
            os.utime(alive, ns=(beat, beat))
            assert list(two.orphans()) == []
            clock.seconds += TAKEOVER_SECONDS * 0.9
        assert one.owns(path)


def test_a_replica_shows_that_it_lives_however_rarely_it_looks(tmp_path: Path) -> None:
    own, clock = FakeClock(), FakeClock()
    with replica(tmp_path, "one", own) as one, replica(tmp_path, "two", clock) as two:
        alive = claimed(one).parent / ".alive"
        for beat in range(1, 20):
            os.utime(alive, ns=(beat, beat))
            own.seconds += BEAT_SECONDS / 2
            one.beat()
            assert (alive.stat().st_mtime_ns == beat) == (beat % 2 == 1)
            clock.seconds += TAKEOVER_SECONDS * 0.9
            assert list(two.orphans()) == []


def test_a_replica_that_ended_is_taken_over_at_once(tmp_path: Path) -> None:
    one = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    one.prepare()
    path = claimed(one)
    with replica(tmp_path, "two") as two:
        assert list(two.orphans()) == []
        one.release()
        (taken,) = two.orphans()
        assert two.owns(taken)
        assert taken.name == path.name
        assert not path.parent.exists()


def test_a_replica_that_hangs_is_taken_over_after_the_time(tmp_path: Path) -> None:
    clock = FakeClock()
    with replica(tmp_path, "one") as one, replica(tmp_path, "two", clock) as two:
        claimed(one)
        assert list(two.orphans()) == []
        clock.seconds += TAKEOVER_SECONDS
        assert list(two.orphans()) == []
        clock.seconds += 0.1
        (taken,) = two.orphans()
        assert two.owns(taken)


def test_a_folder_without_a_sign_of_life_is_taken_over_after_the_time(tmp_path: Path) -> None:
    clock = FakeClock()
    stray = tmp_path / "processing" / "stray"
    stray.mkdir(parents=True)
    (stray / "a.mp4").write_text("video", encoding="utf-8")
    with replica(tmp_path, "one", clock) as one:
        assert list(one.orphans()) == []
        clock.seconds += TAKEOVER_SECONDS + 0.1
        (taken,) = one.orphans()
        assert taken.read_text(encoding="utf-8") == "video"


def test_a_takeover_overwrites_nothing(tmp_path: Path) -> None:
    one = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    one.prepare()
    claimed(one, "a.mp4", "of one")
    one.release()
    with replica(tmp_path, "two") as two:
        mine = claimed(two, "a.mp4", "of two")
        (taken,) = two.orphans()
        assert mine.read_text(encoding="utf-8") == "of two"
        assert taken.read_text(encoding="utf-8") == "of one"


def test_a_thawed_replica_sees_that_its_files_are_gone_and_goes_on(tmp_path: Path) -> None:
    clock = FakeClock()
    with replica(tmp_path, "one") as frozen, replica(tmp_path, "two", clock) as two:
        path = claimed(frozen)
        list(two.orphans())
        clock.seconds += TAKEOVER_SECONDS + 0.1
        (taken,) = two.orphans()
        assert not frozen.owns(path)
        assert frozen.finish(path, frozen.done, "a note") is None
        assert two.owns(taken)
        frozen.prepare()
        again = claimed(frozen, "b.mp4")
        assert frozen.owns(again)
        clock.seconds += TAKEOVER_SECONDS * 5
        assert list(two.orphans()) == []


def test_a_thawed_replica_can_stop_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    frozen = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    frozen.prepare()
    claimed(frozen)
    with replica(tmp_path, "two", clock) as two:
        list(two.orphans())
        clock.seconds += TAKEOVER_SECONDS + 0.1
        assert len(list(two.orphans())) == 1
        frozen.release()


def test_a_replica_leaves_no_empty_folder_behind(tmp_path: Path) -> None:
    with replica(tmp_path) as folders:
        folders.finish(claimed(folders), folders.done, None)
    assert list((tmp_path / "processing").iterdir()) == []


def test_two_replicas_cannot_have_one_name(tmp_path: Path) -> None:
    with replica(tmp_path, "one"):
        twin = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
        for _ in range(2):
            with pytest.raises(OSError, match="a FRAMELOG_INGEST_REPLICA of its own"):
                twin.prepare()
